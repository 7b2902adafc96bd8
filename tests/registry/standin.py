"""A stand-in for registries that cannot be had here: it answers by a function, and keeps what it was asked.

It speaks HTTP as the distribution specification describes; what each test needs of it is written there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. Without headers it has a type of no meaning."""

    code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Answer = Callable[[Asked], Said]


@dataclass(slots=True)
class StandIn:
    """Where it listens, and every request so far."""

    host: str
    asked: list[Asked] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Method and path of each request."""
        return [f"{one.method} {one.path}" for one in self.asked]


@asynccontextmanager
async def standin(answer: Answer) -> AsyncIterator[StandIn]:
    """Serve `answer` on a port of loopback."""
    it = StandIn("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in headers.items()}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Asked(method, path, headers, body)
        it.asked.append(asked)
        said = answer(asked)
        lines = [f"HTTP/1.1 {said.code} Said", "Connection: close", f"Content-Length: {len(said.body)}"]
        lines += [f"{name}: {value}" for name, value in said.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if method == "HEAD" else said.body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        it.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield it
