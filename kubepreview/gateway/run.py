"""The process: the watch, the door for visitors, and the health page, in one task group with one end."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from kubepreview import daemon
from kubepreview.core import keys
from kubepreview.gateway.exchange import CHUNK_BYTES
from kubepreview.gateway.holding import Holding, HoldLimits
from kubepreview.gateway.metrics import Metrics
from kubepreview.gateway.serve import ConnectionLimits, Gateway
from kubepreview.gateway.table import Hosts, Known
from kubepreview.gateway.waking import Rations, Waker, teller
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.resources import INGRESSES
from kubepreview.kube.store import Key
from kubepreview.kube.watch import Reflector

# After the first word of its end requests still come, until everybody has heard that it ends.
_LEAVING_S: Final = 5.0
# Then those that are under way may end; the pod's grace is a little longer than both.
_ENDING_S: Final = 20.0
_BACKLOG: Final = 1024


class Settings(Struct, frozen=True, kw_only=True):
    """How one replica runs. `identity` is unique among replicas; a port of 0 chooses a free one."""

    credentials: Credentials
    identity: str
    host: str = "0.0.0.0"  # noqa: S104 — visitors and the kubelet come to the pod's own address
    port: int
    health_port: int
    hold: HoldLimits = HoldLimits()
    connections: ConnectionLimits = ConnectionLimits()
    rations: Rations = Rations()


async def run(settings: Settings, now: Callable[[], dt.datetime]) -> None:
    """Run until SIGTERM or SIGINT; then let what is under way end."""
    loop = asyncio.get_running_loop()
    metrics = Metrics()
    ending = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ending.set)
    async with Client(settings.credentials) as cluster, asyncio.TaskGroup() as group:
        hosts = Hosts(loop.time)
        watch = _watch(cluster, hosts)
        waker = Waker(teller(cluster, settings.identity, now), settings.rations, group, loop.time)
        holding = Holding(hosts, waker, settings.hold)
        metrics.watch(hosts=lambda: len(hosts), held=lambda: len(holding))

        def not_ready() -> list[str]:
            if ending.is_set():
                return ["it ends"]
            return [] if watch.synced.is_set() else [f"ingresses: {watch.trouble or 'no answer yet'}"]

        page = daemon.serve_health(settings.host, settings.health_port, not_ready, metrics.registry)
        background = group.create_task(watch.run()), group.create_task(page)
        await _open(settings, Gateway(hosts, waker, holding, settings.connections, metrics), ending)
        for task in background:
            task.cancel()


async def _open(settings: Settings, gateway: Gateway, ending: asyncio.Event) -> None:
    """Let visitors in until the end; then, for a while, let those who are inside finish."""
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as visitors:

            def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                visitors.create_task(gateway.serve(reader, writer))

            server = await asyncio.start_server(
                enter, settings.host, settings.port, limit=CHUNK_BYTES, backlog=_BACKLOG
            )
            addresses = [socket.getsockname() for socket in server.sockets]
            structlog.stdlib.get_logger().info("listening", addresses=addresses)
            await ending.wait()
            await asyncio.sleep(_LEAVING_S)
            server.close()
            await gateway.leave()
            limit.reschedule(loop.time() + _ENDING_S)


def _watch(cluster: Client, hosts: Hosts) -> Reflector[Known]:
    def changed(key: Key) -> None:
        hosts.changed(key, reflector.store.get(key))

    reflector: Reflector[Known] = Reflector(
        cluster,
        INGRESSES,
        namespace=keys.GATEWAY_NAMESPACE,
        labels=f"{keys.MANAGED}=true",
        decode=msgspec.json.Decoder(Known).decode,
        on_change=changed,
    )
    return reflector
