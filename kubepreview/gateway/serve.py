"""Visitors' connections: each request is judged by its head, and answered, held, or passed on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

import h11
import structlog
from msgspec import Struct

from kubepreview.core.gatekeeping import Head, Verdict, judge
from kubepreview.core.gateway import Sleeper
from kubepreview.gateway import replies
from kubepreview.gateway.exchange import Side, VisitorGone, pass_on
from kubepreview.gateway.holding import Holding
from kubepreview.gateway.metrics import Metrics
from kubepreview.gateway.replies import Reply
from kubepreview.gateway.table import Hosts
from kubepreview.gateway.waking import Waker

T = TypeVar("T")

log = structlog.stdlib.get_logger()

_CONNECT_S: Final = 3.0
# A pod without a readiness probe is ready before it listens.
_CONNECT_AGAIN_S: Final = 0.1
_LINGER_S: Final = 2.0


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """What the gateway bears.

    `idle_s`: longer than ingress controllers keep a connection (90 s), so that it is they who end it.
    `silence_s`: for how long nothing may move in a request or an answer.
    """

    connections: int = 2000
    idle_s: float = 120.0
    head_s: float = 20.0
    silence_s: float = 600.0
    connect_for_s: float = 15.0


class Gateway:
    """Answers for the hosts of sleeping previews."""

    def __init__(
        self, hosts: Hosts, waker: Waker, holding: Holding, limits: ConnectionLimits, metrics: Metrics
    ) -> None:
        self._hosts, self._waker, self._holding = hosts, waker, holding
        self._limits, self._metrics = limits, metrics
        self._open = 0
        self._idle: set[Side] = set()
        self._is_leaving = False

    async def leave(self) -> None:
        """Take no more requests: connections that carry none end now, the others after the one they carry."""
        self._is_leaving = True
        for visitor in tuple(self._idle):
            await visitor.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as long as it carries requests that were read and answered whole."""
        visitor = Side(reader, writer, h11.SERVER, silence_s=self._limits.silence_s)
        self._open += 1
        self._metrics.connections.set(self._open)
        try:
            while await self._one(visitor):
                visitor.h11.start_next_cycle()
        except (OSError, TimeoutError, h11.ProtocolError, ExceptionGroup):
            # It has gone, or speaks no HTTP that could be answered.
            pass
        except Exception:
            log.exception("a connection broke")
        finally:
            self._open -= 1
            self._metrics.connections.set(self._open)
            await visitor.close()

    async def _one(self, visitor: Side) -> bool:
        """One request; whether the connection can carry another."""
        if self._is_leaving or not await self._begins(visitor):
            return False
        try:
            async with asyncio.timeout(self._limits.head_s):
                request = await visitor.event()
        except h11.RemoteProtocolError as error:
            is_large = error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            return await _end(visitor, replies.HEAD_TOO_LARGE if is_large else replies.BAD)
        if not isinstance(request, h11.Request):
            return False
        is_head = request.method == b"HEAD"
        if self._open > self._limits.connections:
            return await _end(visitor, replies.TOO_MANY_CONNECTIONS, is_head=is_head)
        outcome = await self._decide(visitor, _head(request))
        if isinstance(outcome, Sleeper):
            failed = await self._forward(request, visitor, outcome)
            if failed is None:
                return visitor.is_reusable
            outcome = failed
        return await _end(visitor, outcome, is_head=is_head)

    async def _begins(self, visitor: Side) -> bool:
        self._idle.add(visitor)
        try:
            async with asyncio.timeout(self._limits.idle_s):
                return await visitor.begins()
        finally:
            self._idle.discard(visitor)

    async def _decide(self, visitor: Side, head: Head) -> Reply | Sleeper:
        """What to answer, or the preview that answers itself."""
        sleeper = self._hosts.find(head.host)
        verdict = judge(head, sleeper)
        self._metrics.requests.labels(verdict.name.lower()).inc()
        if sleeper is None or verdict is Verdict.BAD:
            return replies.UNKNOWN if verdict is Verdict.UNKNOWN else replies.BAD
        match verdict:
            case Verdict.FORWARD:
                return sleeper
            case Verdict.STATE:
                return replies.state(sleeper)
            case Verdict.PASSIVE:
                return replies.not_yet(sleeper, "this preview sleeps, and whoever does not wait wakes it not")
            case Verdict.PAGE:
                wait_s = await self._waker.knock(sleeper) if sleeper.state == "Asleep" else 0.0
                return replies.waiting(sleeper, wait_s)
            case _:
                return await _while_there(visitor, self._holding.until_awake(head.host, sleeper))

    async def _forward(self, request: h11.Request, visitor: Side, sleeper: Sleeper) -> Reply | None:
        """Pass it on; what to answer instead, if nothing of an answer was passed back."""
        preview = await _while_there(visitor, self._connect(sleeper))
        if preview is None:
            return replies.not_yet(sleeper, "none of its pods can be reached", after_s=1.0)
        try:
            await pass_on(request, visitor, preview)
        except VisitorGone:
            raise
        except (OSError, TimeoutError, h11.ProtocolError) as error:
            if visitor.h11.our_state is not h11.SEND_RESPONSE:
                raise
            code = HTTPStatus.GATEWAY_TIMEOUT if isinstance(error, TimeoutError) else HTTPStatus.BAD_GATEWAY
            return Reply(code=code, text=f"the preview gave no answer: {error or type(error).__name__}\n")
        finally:
            await preview.close()
        return None

    async def _connect(self, sleeper: Sleeper) -> Side | None:
        """A connection to one of its pods; None when none can be reached."""
        until = asyncio.get_running_loop().time() + self._limits.connect_for_s
        while True:
            for endpoint in sleeper.endpoints:
                address, _, port = endpoint.rpartition(":")
                try:
                    async with asyncio.timeout(_CONNECT_S):
                        ends = await asyncio.open_connection(address.strip("[]"), int(port))
                except (OSError, TimeoutError):
                    continue
                return Side(*ends, h11.CLIENT, silence_s=self._limits.silence_s)
            if asyncio.get_running_loop().time() > until:
                return None
            await asyncio.sleep(_CONNECT_AGAIN_S)


async def _while_there(visitor: Side, waiting: Coroutine[Any, Any, T]) -> T:
    """Wait for it, unless the visitor goes away before."""
    result, gone = asyncio.ensure_future(waiting), asyncio.ensure_future(visitor.gone())
    try:
        await asyncio.wait((result, gone), return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            raise VisitorGone("the visitor has gone")
        return result.result()
    finally:
        result.cancel()
        gone.cancel()
        await asyncio.gather(result, gone, return_exceptions=True)


async def _end(visitor: Side, reply: Reply, *, is_head: bool = False) -> bool:
    """Answer, and let the connection end without taking back what was answered."""
    await replies.send(visitor, reply, is_head=is_head)
    if visitor.h11.their_state is not h11.DONE:
        await visitor.linger(_LINGER_S)
    return False


def _head(request: h11.Request) -> Head:
    headers: Mapping[bytes, bytes] = dict(request.headers)

    def told(name: bytes) -> str:
        return headers.get(name, b"").decode("latin-1")

    return Head(
        method=request.method.decode("latin-1"),
        target=request.target.decode("latin-1"),
        host=_without_port(told(b"host").lower()),
        user_agent=told(b"user-agent"),
        accept=told(b"accept"),
        fetch_mode=told(b"sec-fetch-mode"),
        is_upgrade=b"upgrade" in headers,
    )


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
