"""Stands between a controller and whom it asks, passes on what they say, and breaks what it is told to.

That is the apiserver, or the ingress, where the controller asks what a preview serves. It speaks real HTTP to
both sides and knows each request before the other side does and each answer before the controller does. A
fault is therefore certain: of a controller that is killed `before` a request nobody ever had it, and one that
is killed `after` it never learned what became of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11
import httpcore2

from kubepreview.gateway.exchange import Side
from kubepreview.kube import tls
from kubepreview.kube.credentials import Credentials
from tests.kube.oddserver import answer, status

_SILENCE_S = 3600.0
_CONNECT_S = 5.0
_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"content-length"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a controller asks of the apiserver, or of a preview by its host."""

    method: str
    path: str
    query: str = ""
    host: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.host}{self.path}"

    @property
    def is_watch(self) -> bool:
        """A watch, or a log that is followed: its answer has no end."""
        return "watch=true" in self.query or "follow=true" in self.query


# What can be done to a request.


@dataclass(frozen=True, slots=True)
class Kill:
    """The controller ends: before the apiserver knows of the request, or when it has answered."""

    after: bool = False


@dataclass(frozen=True, slots=True)
class HangUp:
    """The connection ends: before the apiserver knows of the request, or when it has answered."""

    after: bool = False


@dataclass(frozen=True, slots=True)
class CutShort:
    """The apiserver answers, and half of the answer arrives."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """An answer of the proxy's own; the apiserver never knows of the request."""

    code: int
    reason: str = ""
    retry_after_s: int = 0


@dataclass(frozen=True, slots=True)
class Delay:
    """The apiserver learns of the request so much later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Swallow:
    """The apiserver never knows of the request, and nobody says so."""


Fault = Kill | HangUp | CutShort | Refuse | Delay | Swallow


def pass_all(_request: Request) -> Fault | None:
    """No fault at all."""
    return None


class _HungUp(Exception):
    """The fault of this request ends its connection."""


@dataclass
class FaultProxy:
    """`judge` is asked about every request; `kill` ends the controller. `requests`: all that were sent."""

    upstream: Credentials
    judge: Callable[[Request], Fault | None] = pass_all
    kill: Callable[[], None] = lambda: None
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen on loopback, on a port of its own. What is under way at the end is cut off."""
        trust = tls.context(self.upstream)
        async with asyncio.TaskGroup() as group:

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = group.create_task(self._serve(reader, writer, pool))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            tasks: set[asyncio.Task[None]] = set()
            async with httpcore2.AsyncConnectionPool(ssl_context=trust, max_connections=None) as pool:
                server = await asyncio.start_server(serve, "127.0.0.1", 0)
                self.port = server.sockets[0].getsockname()[1]
                try:
                    yield
                finally:
                    server.close()
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pool: httpcore2.AsyncConnectionPool,
    ) -> None:
        """One connection of the controller. Whatever ends it, ends it as a network would: without a word."""
        side = Side(reader, writer, h11.SERVER, silence_s=_SILENCE_S)
        try:
            while await side.begins():
                head, body = await _whole(side)
                await self._answer(side, head, body, pool)
                if not side.is_reusable:
                    return
                side.h11.start_next_cycle()
        except (
            _HungUp,
            OSError,
            EOFError,
            h11.ProtocolError,
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
        ):
            return
        finally:
            await side.close()

    async def _answer(
        self, side: Side, head: h11.Request, body: bytes, pool: httpcore2.AsyncConnectionPool
    ) -> None:
        target = urlsplit(head.target.decode())
        named = next((value.decode() for name, value in head.headers if name.lower() == b"host"), "")
        # The apiserver's is this proxy's own address.
        host = named if named != f"127.0.0.1:{self.port}" else ""
        request = Request(head.method.decode(), target.path, target.query, host)
        self.requests.append(request)
        fault = self.judge(request)
        match fault:
            case Kill(after=False):
                self.kill()
                raise _HungUp
            case HangUp(after=False):
                raise _HungUp
            case Refuse():
                await side.send_raw(_refused(fault))
                raise _HungUp
            case Swallow():
                await side.gone()
                raise _HungUp
            case Delay(seconds):
                await asyncio.sleep(seconds)
        async with pool.stream(
            head.method,
            self.upstream.server + head.target.decode(),
            headers=[*_headers(head.headers), (b"Content-Length", str(len(body)).encode())],
            content=body,
            extensions={"timeout": {"connect": _CONNECT_S}},
        ) as response:
            await self._pass_back(side, response, fault)

    async def _pass_back(self, side: Side, response: httpcore2.Response, fault: Fault | None) -> None:
        match fault:
            case Kill(after=True):
                await response.aread()
                self.kill()
                raise _HungUp
            case HangUp(after=True):
                await response.aread()
                raise _HungUp
        await side.send(h11.Response(status_code=response.status, headers=_headers(response.headers)))
        async for chunk in response.aiter_stream():
            if isinstance(fault, CutShort):
                await side.send(h11.Data(data=chunk[: len(chunk) // 2]))
                raise _HungUp
            await side.send(h11.Data(data=chunk))
        await side.send(h11.EndOfMessage())


async def _whole(side: Side) -> tuple[h11.Request, bytes]:
    """The next request with its whole body."""
    head, body = await side.event(), b""
    while not isinstance(event := await side.event(), h11.EndOfMessage):
        match event:
            case h11.Data():
                body += event.data
            case _:
                raise EOFError
    assert isinstance(head, h11.Request)
    return head, body


def _headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What is said to the other end; each side frames its own message."""
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


def _refused(fault: Refuse) -> bytes:
    later = (f"Retry-After: {fault.retry_after_s}",) if fault.retry_after_s else ()
    return answer(fault.code, status(fault.code, fault.reason), "Connection: close", *later)
