"""One small HTTP request, for health and for the first objects of a cluster."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kubepreview.errors import Unreachable


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """The server did as asked."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the definition of success in HTTP

    def json(self) -> Any:
        """The body, decoded; a body that is no JSON is an answer that says nothing."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Unreachable(f"not JSON: {self.body[:80]!r}") from error


async def request(
    url: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    content_type: str = "application/json",
    tls: ssl.SSLContext | None = None,
    timeout_s: float = 5.0,
) -> Answer:
    """Ask once, on a connection of its own. No answer in time is Unreachable, whatever the reason."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _exchange(url, _message(method, url, body, content_type), tls)
    except TimeoutError as error:
        raise Unreachable(f"{method} {url}: no answer in {timeout_s:g} s") from error
    except (OSError, ssl.SSLError, asyncio.IncompleteReadError) as error:
        raise Unreachable(f"{method} {url}: {error}") from error


def _message(method: str, url: str, body: bytes, content_type: str) -> bytes:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    # HTTP/1.0: the server closes when done, and sends no chunks.
    head = (
        f"{method} {target or '/'} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _exchange(url: str, message: bytes, tls: ssl.SSLContext | None) -> Answer:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, ssl=tls)
    try:
        writer.write(message)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).split(maxsplit=2)
        return Answer(int(head[1]), await reader.read())
    finally:
        writer.close()
