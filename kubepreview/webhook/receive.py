"""One delivery after another: signed, new, about a repository of ours; then noted, and answered at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from kubepreview.core import hints
from kubepreview.core.hints import Hint

log = structlog.stdlib.get_logger()

PATH: Final = "/github"
_MOST_DELIVERIES: Final = 10_000
_MOST_ID: Final = 64
_BODY_S: Final = 5.0


class Noted(Struct, frozen=True):
    """A hint, and the delivery that gave it."""

    hint: Hint
    delivery: str


class Receiver:
    """`note` takes what was believed. `is_ours`: whether a repository has a project here."""

    def __init__(
        self, secret_file: Path, is_ours: Callable[[str], bool], note: Callable[[Noted], None]
    ) -> None:
        self._secret_file, self._is_ours, self._note = secret_file, is_ours, note
        self._seen: dict[str, None] = {}
        self.app = Starlette(routes=[Route(PATH, self.receive, methods=["POST"])])

    async def receive(self, request: Request) -> Response:
        """Answer one delivery. Of one that is not believed nothing is said but that."""
        body = await _body(request)
        if body is None:
            return PlainTextResponse("too large, or too slow\n", 413)
        if not hints.is_signed(self._secret(), body, request.headers.get("x-hub-signature-256", "")):
            return PlainTextResponse("not signed\n", 401)
        delivery = request.headers.get("x-github-delivery", "")[:_MOST_ID]
        hint = hints.read(body)
        if hint is None or not self._is_ours(hint.repository):
            return PlainTextResponse("nothing to do\n", 200)
        if delivery and self._is_new(delivery):
            self._note(Noted(hint, delivery))
        return PlainTextResponse("noted\n", 202)

    def _secret(self) -> bytes:
        """Read for every delivery, as it may be renewed. None there, none believed."""
        try:
            return self._secret_file.read_bytes().strip()
        except OSError as error:
            log.warning("no secret", file=str(self._secret_file), error=error.strerror)
            return b""

    def _is_new(self, delivery: str) -> bool:
        if delivery in self._seen:
            return False
        while len(self._seen) >= _MOST_DELIVERIES:
            del self._seen[next(iter(self._seen))]
        self._seen[delivery] = None
        return True


async def _body(request: Request) -> bytes | None:
    """The raw body, which is what is signed; None for one that is too large, or does not come."""
    body = b""
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > hints.MAX_BYTES:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return body
