"""A wire that can be cut: TCP on loopback, in between a client and an apiserver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


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
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, up_writer))
                group.create_task(self._pass(up_reader, writer))
        finally:
            self.connections -= {writer, up_writer}

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
