"""A gateway on loopback with previews behind it, and a visitor who says exactly what he is told to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct, field

from kubepreview.core import keys
from kubepreview.core.gateway import Sleeper
from kubepreview.errors import Failed
from kubepreview.gateway.holding import Holding, HoldLimits
from kubepreview.gateway.metrics import Metrics
from kubepreview.gateway.serve import ConnectionLimits, Gateway
from kubepreview.gateway.table import Hosts, Known
from kubepreview.gateway.waking import Rations, Waker

HOST = "pr-7.example.com"
_PATIENCE_S = 10.0

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Place:
    """What the tests hold of it. `knocks`: the names that the controller was told, in order."""

    # The gateway itself, and where visitors find it.
    gateway: Gateway
    port: int

    def __init__(self, hosts: Hosts, metrics: Metrics) -> None:
        self._hosts, self.metrics = hosts, metrics
        self.knocks: list[str] = []
        # While this is set, the apiserver cannot be told of visitors.
        self.is_deaf = False
        self.knocked = asyncio.Event()

    def tell(self, sleeper: Sleeper) -> None:
        """The controller writes the Ingress."""
        annotations = {keys.SLEEPER: msgspec.json.encode(sleeper).decode()}
        known = msgspec.convert({"metadata": {"annotations": annotations}}, Known)
        self._hosts.changed(("gateway", sleeper.name), known)

    def give_back(self, name: str) -> None:
        """The controller deletes the Ingress."""
        self._hosts.changed(("gateway", name), None)

    async def hear(self, name: str) -> None:
        """Stands for the patch of the Lease."""
        self.knocks.append(name)
        self.knocked.set()
        if self.is_deaf:
            raise Failed("the apiserver does not answer")

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[Visitor]:
        """A connection to the gateway."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Visitor(reader=reader, writer=writer)
        finally:
            writer.close()
            await writer.wait_closed()

    async def ask(self, head: str, body: bytes = b"") -> Answer:
        """One request on a connection of its own."""
        async with self.visitor() as visitor:
            await visitor.say(head, body)
            return await visitor.answer()


class Answer(Struct, frozen=True):
    """Status code, header fields in lower case, body."""

    code: int
    headers: dict[str, str]
    body: bytes


class Visitor(Struct):
    """Says bytes, and reads answers by RFC 9112, in code that shares nothing with the gateway's."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, head: str, body: bytes = b"") -> None:
        """A head, line by line, and a body."""
        lines = "\r\n".join(line.strip() for line in head.strip().splitlines())
        await self.say_raw(f"{lines}\r\n\r\n".encode() + body)

    async def say_raw(self, data: bytes) -> None:
        """These bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, to_head: bool = False) -> Answer:
        """The next answer, whole."""
        async with asyncio.timeout(_PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *rest = head.strip().split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
            }
            code = int(first.split()[1])
            body = b"" if to_head or code in {100, 101, 204, 304} else await self.body(headers)
            return Answer(code, headers, body)

    async def body(self, headers: dict[str, str]) -> bytes:
        """What follows a head with these fields."""
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.read()
        body = b""
        while size := int((await self.reader.readline()).split(b";")[0], 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()
        return body

    async def rest(self) -> bytes:
        """All that comes until the other side ends."""
        async with asyncio.timeout(_PATIENCE_S):
            return await self.reader.read()


class Limits(Struct, frozen=True, kw_only=True):
    """All that a test may set."""

    hold: HoldLimits = HoldLimits(hold_s=_PATIENCE_S)
    connections: ConnectionLimits = field(default_factory=lambda: ConnectionLimits(connect_for_s=0.2))
    rations: Rations = Rations()


@asynccontextmanager
async def place(limits: Limits = Limits()) -> AsyncIterator[Place]:  # noqa: B008 — frozen
    """A gateway that answers for nobody yet."""
    loop = asyncio.get_running_loop()
    hosts, metrics = Hosts(loop.time), Metrics()
    async with asyncio.TaskGroup() as group:
        here = Place(hosts, metrics)
        waker = Waker(here.hear, limits.rations, group, loop.time)
        holding = Holding(hosts, waker, limits.hold)
        metrics.watch(hosts=lambda: len(hosts), held=lambda: len(holding))
        here.gateway = Gateway(hosts, waker, holding, limits.connections, metrics)
        async with _serving(here.gateway.serve) as here.port:
            yield here


@asynccontextmanager
async def preview(handler: Handler) -> AsyncIterator[str]:
    """A preview that answers with `handler`; its endpoint."""
    async with _serving(handler) as port:
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def _serving(handler: Handler) -> AsyncIterator[int]:
    """Connections are ended at the end, and waited for."""
    async with asyncio.TaskGroup() as group:
        tasks: set[asyncio.Task[Any]] = set()

        async def closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await handler(reader, writer)
            finally:
                writer.close()

        def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(group.create_task(closed(reader, writer)))

        server = await asyncio.start_server(enter, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tasks:
                task.cancel()


def awake(endpoint: str, host: str = HOST) -> Sleeper:
    """A sleeper whose pods answer."""
    return Sleeper(name=host.partition(".")[0], host=host, state="Awake", endpoints=(endpoint,))


def asleep(host: str = HOST, **told: Any) -> Sleeper:
    """A sleeper."""
    return Sleeper(name=host.partition(".")[0], host=host, **told)
