"""A wire that can be cut: TCP on loopback, in between a client and an apiserver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

_Stream: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Wire:
    """Passes bytes both ways until it is cut, or silent."""

    target: int
    port: int = 0
    is_refusing: bool = False
    connections: set[asyncio.StreamWriter] = field(default_factory=set)
    _passing: asyncio.Event = field(default_factory=asyncio.Event)

    def cut(self) -> None:
        """End every connection, as a crash of what is in between would."""
        for writer in self.connections:
            writer.transport.abort()
        self.connections.clear()

    def refuse(self) -> None:
        """End every connection, and each new one at once, until `mend`."""
        self.is_refusing = True
        self.cut()

    def silence(self) -> None:
        """Keep every connection open, and let nothing through, until `mend`."""
        self._passing.clear()

    def mend(self) -> None:
        """Be a wire again."""
        self.is_refusing = False
        self._passing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if self.is_refusing:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self.connections |= {writer, up_writer}
        try:
            await self.join((reader, writer), (up_reader, up_writer))
        finally:
            self.connections -= {writer, up_writer}

    async def join(self, one: _Stream, other: _Stream) -> None:
        """Pass bytes both ways until both have ended."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass(one[0], other[1]))
            group.create_task(self._pass(other[0], one[1]))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                await self._passing.wait()
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    """A wire to a port of loopback."""
    wire = Wire(port)
    wire.mend()
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        wire.mend()
        wire.cut()


@dataclass
class ConnectProxy:
    """An HTTP proxy that knows CONNECT, and remembers what it was asked."""

    port: int = 0
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One tunnel."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        target = int(head.split(" ")[1].rpartition(":")[2])
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        wire = Wire(target)
        wire.mend()
        await wire.join((reader, writer), await asyncio.open_connection("127.0.0.1", target))


@asynccontextmanager
async def connect_proxy() -> AsyncIterator[ConnectProxy]:
    """A proxy on a port of its own."""
    proxy = ConnectProxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
