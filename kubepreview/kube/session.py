"""The one path of every request: credentials, time-outs, retries, and what an answer means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from urllib.parse import urlencode

import msgspec
from msgspec import Struct, field

from kubepreview.errors import Unreachable
from kubepreview.kube import errors
from kubepreview.kube.auth import Auth
from kubepreview.kube.clock import ClusterClock
from kubepreview.kube.credentials import Credentials, Impersonation
from kubepreview.kube.retry import Backoff, Patience
from kubepreview.kube.transport import Incoming, Outgoing, Transport

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_REPEATABLE = frozenset({"GET", "PUT", "PATCH", "DELETE"})


class Call(Struct, frozen=True, kw_only=True):
    """One request to the API, as data."""

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/json"
    # A POST makes a new thing each time: it is sent again only if the server cannot have seen it.
    repeatable: bool | None = None

    @property
    def is_repeatable(self) -> bool:
        """True if sending it twice does no more than sending it once."""
        return self.method in _REPEATABLE if self.repeatable is None else self.repeatable


class View(Struct, frozen=True):
    """On whose behalf requests are sent, and what has to hold at the moment they are."""

    impersonate: Impersonation | None = None
    guard: Callable[[], None] | None = None


class Session:
    """One apiserver and one identity, shared by all views of a client."""

    def __init__(
        self, credentials: Credentials, *, user_agent: str, patience: Patience, now: Callable[[], datetime]
    ) -> None:
        self.credentials = credentials
        self._patience = patience
        self._user_agent = user_agent
        self._transport = Transport(credentials)
        self._auth = Auth(credentials, now=now, on_certificate=self._transport.show_certificate)
        self.clock = ClusterClock(lambda: asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def send(self, call: Call, view: View) -> bytes:
        """Send until answered, within the session's patience. The body of a 2xx, or an error of `errors`."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience.retry_for_s
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        renewed = False
        while True:
            try:
                async with self._opened(call, view, read_s=self._patience.attempt_s) as answer:
                    return await answer.read()
            except errors.Unauthorized:
                if renewed or not self._auth.is_renewable:
                    raise
                renewed = True
            except Unreachable as error:
                pause_s = backoff.next_s(_asked_pause_s(error))
                if not _may_repeat(call, error) or loop.time() + pause_s > give_up_at:
                    raise
                await asyncio.sleep(pause_s)

    @asynccontextmanager
    async def stream(
        self, call: Call, view: View, *, silence_s: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body as it comes, on a connection of its own; NoAnswer after `silence_s` without a byte.

        Tried once: whoever streams knows best where to go on.
        """
        async with (
            self._opened(call, view, read_s=silence_s, is_stream=True) as answer,
            aclosing(answer.chunks()) as chunks,
        ):
            yield chunks

    @asynccontextmanager
    async def _opened(
        self, call: Call, view: View, *, read_s: float, is_stream: bool = False
    ) -> AsyncIterator[Incoming]:
        token = await self._auth.token()
        request = Outgoing(
            method=call.method,
            url=self._url(call),
            headers=self._headers(call, view, token),
            body=call.body,
            connect_s=self._patience.connect_s,
            read_s=read_s,
            is_stream=is_stream,
        )
        if view.guard is not None:
            view.guard()
        answer = await self._transport.open(request)
        try:
            if refusal := await _refusal(request, answer):
                if isinstance(refusal, errors.Unauthorized):
                    self._auth.forget(token)
                raise refusal
            self.clock.learn(answer.header("date"))
            yield answer
        finally:
            await answer.close()

    def _url(self, call: Call) -> str:
        query = urlencode({name: value for name, value in call.params.items() if value != ""})
        return self.credentials.server + call.path + (f"?{query}" if query else "")

    def _headers(self, call: Call, view: View, token: str) -> list[tuple[str, str]]:
        # Compression costs both sides more than it saves within a data centre.
        headers = [
            ("User-Agent", self._user_agent),
            ("Accept", "application/json"),
            ("Accept-Encoding", "identity"),
        ]
        if call.body:
            headers.append(("Content-Type", call.content_type))
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        if acting := view.impersonate or self.credentials.impersonate:
            headers.append(("Impersonate-User", acting.user))
            headers += [("Impersonate-Group", group) for group in acting.groups]
        return headers


async def _refusal(request: Outgoing, answer: Incoming) -> Unreachable | errors.ApiError | None:
    """What keeps the answer from being the one asked for: a Status, or a page that is no API's."""
    if 200 <= answer.code < 300:  # noqa: PLR2004 — the 2xx
        return None
    body = await answer.read()
    try:
        status = msgspec.json.decode(body)
    except ValueError:
        status = None
    if not errors.is_status(status):
        said = body[:200].decode(errors="replace").strip()
        return errors.NoAnswer(
            f"{request}: answered {answer.code} with something that is not a Status: {said!r}",
            code=answer.code,
            retry_after_s=_retry_after_s(answer),
        )
    # The code on the line is the server's; a Status that lacks one takes it from there.
    refusal = errors.from_status({"code": answer.code, **status}, what=str(request))
    refusal.retry_after_s = _retry_after_s(answer)
    return refusal


def _retry_after_s(answer: Incoming) -> float:
    asked = answer.header("retry-after")
    return float(asked) if asked.isdigit() else 0.0


def _asked_pause_s(error: Unreachable) -> float:
    return error.retry_after_s if isinstance(error, errors.NoAnswer | errors.ApiError) else 0.0


def _may_repeat(call: Call, error: Unreachable) -> bool:
    match error:
        case errors.NotTrusted():
            return False
        case errors.NoAnswer(was_sent=False) | errors.Throttled() | errors.NoAnswer(code=429):
            return True  # the server has not looked at it
        case errors.NoAnswer(code=code) if 0 < code < 500:  # noqa: PLR2004 — below the 5xx
            return False  # a page about a wrong address stays one
        case _:
            return call.is_repeatable
