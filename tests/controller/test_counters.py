"""Visits by a real Envoy: from the access log that it writes, and from what it counts where there is none."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec
import yaml

from kubepreview.controller.counters import Counters
from kubepreview.controller.probe import USER_AGENT, Prober
from kubepreview.controller.queue import WorkQueue
from kubepreview.controller.watches import KnownIngress, Watches
from kubepreview.core import accesslog, keys
from kubepreview.core.ingressmetrics import ENVOY
from kubepreview.core.wanted import Wanted
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.resources import INGRESSES
from tests.core.examples import asked, project
from tests.kube.oddserver import answer, odd_server

_ENVOY = Path(sys.executable).with_name("envoy")
_NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)
_PREVIEW = ("shop-previews", "pr-7")


@dataclass(frozen=True)
class _Envoy:
    """A running one: where visitors come, where it tells what it counted, and what it wrote."""

    port: int
    admin_port: int
    log: Path

    @property
    def pod(self) -> Object:
        """As one of Contour's would be."""
        annotations = {"prometheus.io/port": str(self.admin_port)}
        return {
            "metadata": {"uid": f"u-{self.admin_port}", "annotations": annotations},
            "spec": {"containers": [{"name": "envoy"}]},
            "status": {"podIP": "127.0.0.1"},
        }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _address(port: int) -> Object:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _config(port: int, admin_port: int, upstream: int, cluster: str) -> Object:
    """One route to one cluster, with the log that Envoy writes unless it is told otherwise."""
    stdout = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster}}
    connection_manager = {
        "@type": f"{manager}.HttpConnectionManager",
        "stat_prefix": "ingress",
        "access_log": [{"name": "stdout", "typed_config": {"@type": stdout}}],
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": router}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    }
    filters = [{"name": "http", "typed_config": connection_manager}]
    endpoint = {"endpoint": {"address": _address(upstream)}}
    backend = {
        "name": cluster,
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "http", "address": _address(port), "filter_chains": [{"filters": filters}]}
    return {
        "admin": {"address": _address(admin_port)},
        "static_resources": {"listeners": [listener], "clusters": [backend]},
    }


@asynccontextmanager
async def _running(folder: Path, upstream: int, cluster: str) -> AsyncIterator[_Envoy]:
    ports = _free_port(), _free_port()
    config, log = folder / f"{ports[0]}.yaml", folder / f"{ports[0]}.log"
    config.write_text(yaml.safe_dump(_config(*ports, upstream, cluster)))
    command = [str(_ENVOY), "--config-path", str(config), "--use-dynamic-base-id"]
    with log.open("wb") as stdout:
        process = await asyncio.create_subprocess_exec(
            *command, "--concurrency", "1", stdout=stdout, stderr=asyncio.subprocess.DEVNULL
        )
    try:
        running = _Envoy(*ports, log)
        await _until_it_answers(running)
        yield running
    finally:
        process.terminate()
        await process.wait()


async def _until_it_answers(running: _Envoy) -> None:
    async with asyncio.timeout(20), httpx2.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"http://127.0.0.1:{running.admin_port}/ready")).status_code == 200:
                    return
            except httpx2.ConnectError:
                await asyncio.sleep(0.05)


async def _visit(running: _Envoy, agent: str, host: str = "pr-7.shop.example.com") -> None:
    async with httpx2.AsyncClient() as client:
        headers = {"host": host, "user-agent": agent}
        assert (await client.get(f"http://127.0.0.1:{running.port}/", headers=headers)).status_code == 200


async def test_the_log_that_envoy_writes_is_read(tmp_path: Path) -> None:
    """Host and user agent of each request, in its default format."""
    async with odd_server(answer(200, "ok")) as upstream, _running(tmp_path, upstream.port, "c") as running:
        await _visit(running, 'Mozilla/5.0 "quoted" Firefox')
        await _visit(running, USER_AGENT, "pr-8.shop.example.com:8080")
    read = [accesslog.read("envoy", line) for line in running.log.read_text().splitlines()]

    told = [(each.host, each.user_agent) for each in read if each]
    assert told == [
        ("pr-7.shop.example.com", 'Mozilla/5.0 "quoted" Firefox'),
        ("pr-8.shop.example.com", USER_AGENT),
    ]


def _route(wanted: Wanted) -> KnownIngress:
    """What the watch keeps of the preview's Ingress."""
    labels = {keys.PROJECT: _PREVIEW[0], keys.PREVIEW: _PREVIEW[1]}
    metadata = {"labels": labels}
    return msgspec.convert({"metadata": metadata, "spec": wanted.route["spec"]}, KnownIngress)


@dataclass(frozen=True)
class _Scene:
    """One preview, two Envoys that lead to it, our prober, and what is known of visits."""

    first: _Envoy
    second: _Envoy
    counters: Counters
    prober: Prober

    async def look(self, *running: _Envoy) -> dt.datetime | None:
        """When it was visited, if that was since the last look."""
        await self.counters.look([(ENVOY, each.pod) for each in running], lambda: _NOW)
        return self.counters.last.pop(_PREVIEW, None)

    async def probe(self, running: _Envoy) -> None:
        """As the controller does."""
        route = {"address": f"127.0.0.1:{running.port}", "ingressClassName": "c", "ingressNamespace": "i"}
        assert (await self.prober.ask(project(route=route).spec, asked(), {asked().sha})).is_good


@asynccontextmanager
async def _staged(folder: Path) -> AsyncIterator[_Scene]:
    wanted = asked()
    cluster = f"{wanted.space}/{wanted.entry.service}/80/da39a3ee5e"
    async with (
        odd_server(answer(200, wanted.sha)) as upstream,
        _running(folder, upstream.port, cluster) as first,
        _running(folder, upstream.port, cluster) as second,
        Client(Credentials(server="http://127.0.0.1:1")) as client,
        Prober() as prober,
    ):
        watches = Watches(client, WorkQueue())
        watches.parts[INGRESSES].store.put((wanted.space, keys.GUARD), "1", _route(wanted))
        yield _Scene(first, second, Counters(watches, prober), prober)


async def test_what_envoy_counts_beyond_our_own_requests_are_visits(tmp_path: Path) -> None:
    """None while only we ask; one when somebody does; also from an Envoy that is new, and counts from 0."""
    async with _staged(tmp_path) as scene:
        first, second = scene.first, scene.second
        await scene.probe(first)
        await _visit(first, "of before")
        looks = [await scene.look(first)]
        blind = scene.counters.trouble
        await scene.probe(first)
        await scene.probe(first)
        looks.append(await scene.look(first))
        trouble = scene.counters.trouble
        await scene.probe(first)
        await _visit(first, "curl")
        looks += [await scene.look(first), await scene.look(first)]
        await scene.probe(second)
        looks.append(await scene.look(first, second))
        await _visit(second, "curl")
        looks.append(await scene.look(first, second))

    assert looks == [None, None, _NOW, None, None, _NOW]
    assert "not even our own requests" in blind
    assert trouble == ""


async def test_an_ingress_that_does_not_answer_is_named(tmp_path: Path) -> None:
    """With where it was asked; nothing falls asleep for it."""
    async with Client(Credentials(server="http://127.0.0.1:1")) as client, Prober() as prober:
        counters = Counters(Watches(client, WorkQueue()), prober)
        nobody = _Envoy(1, _free_port(), tmp_path)
        await counters.look([], lambda: _NOW)
        without = counters.trouble
        await counters.look([(ENVOY, nobody.pod)], lambda: _NOW)

    assert without == "and no metrics of it are known"
    assert f"http://127.0.0.1:{nobody.admin_port}/stats/prometheus cannot be read" in counters.trouble
