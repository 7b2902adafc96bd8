"""What stands between us and an apiserver on a bad day: pages, refusals and hang-ups, in a given order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from kubepreview.kube.credentials import Credentials

HANG_UP = b""
# Takes the request, and keeps the connection open without a word.
SILENCE = b"\0"


def answer(code: int, body: object, *headers: str) -> bytes:
    """One HTTP answer; a mapping is sent as JSON, text as a page, bytes as they are."""
    text = body.encode() if isinstance(body, str) else body
    content = text if isinstance(text, bytes) else msgspec.json.encode(text)
    head = [f"HTTP/1.1 {code} Odd", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + content


def status(code: int, reason: str = "") -> dict[str, object]:
    """A Status, as an apiserver would send it."""
    return {"apiVersion": "v1", "kind": "Status", "code": code, "reason": reason, "message": "odd"}


@dataclass
class OddServer:
    """Gives its answers in order, the last for ever; `requests` holds the heads of what it was sent."""

    answers: Sequence[bytes]
    port: int = 0
    requests: list[str] = field(default_factory=list)

    @property
    def credentials(self) -> Credentials:
        """The way to it."""
        return Credentials(server=f"http://127.0.0.1:{self.port}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                for line in head.lower().splitlines():
                    if line.startswith("content-length:"):
                        await reader.readexactly(int(line.split(":")[1]))
                self.requests.append(head)
                reply = self.answers[min(len(self.requests), len(self.answers)) - 1]
                if reply == SILENCE:
                    await reader.read()
                if reply in (HANG_UP, SILENCE):
                    return
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def odd_server(*answers: bytes) -> AsyncIterator[OddServer]:
    """An odd server on a port of its own."""
    odd = OddServer(answers)
    server = await asyncio.start_server(odd.serve, "127.0.0.1", 0)
    odd.port = server.sockets[0].getsockname()[1]
    try:
        yield odd
    finally:
        server.close()
