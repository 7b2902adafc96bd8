"""What is known of visits, from logs that a server of ours gives out."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kubepreview.controller.probe import Prober
from kubepreview.controller.queue import WorkQueue
from kubepreview.controller.visits import Visits
from kubepreview.controller.watches import Watches
from kubepreview.core import keys
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.resources import INGRESSES

_PREVIEW = ("shop-previews", "pr-7")
_HOST = "pr-7.shop.example.com"
_TRAEFIK = {"app.kubernetes.io/name": "traefik"}


class _Cluster:
    """Gives out one project, one preview with a route, the pods that it is told, and their logs."""

    def __init__(self, labels: dict[str, str], *log: object) -> None:
        pod = {
            "metadata": {
                "name": "ingress-1",
                "namespace": "ingress",
                "labels": labels,
                "resourceVersion": "1",
                "uid": "u",
                # Nobody listens there.
                "annotations": {"prometheus.io/port": "1"},
            },
            "spec": {"containers": [{"name": "sidecar"}, {"name": "my-traefik"}]},
            "status": {"phase": "Running", "podIP": "127.0.0.1"},
        }
        project = {
            "metadata": {"name": "shop", "namespace": "shop-previews", "resourceVersion": "1"},
            "spec": {"route": {"ingressNamespace": "ingress"}, "passiveAgents": ["our-monitor"]},
        }
        labelled = {keys.MANAGED: "true", keys.PROJECT: _PREVIEW[0], keys.PREVIEW: _PREVIEW[1]}
        route = {
            "metadata": {"name": "r", "namespace": "s", "labels": labelled, "resourceVersion": "1"},
            "spec": {"rules": [{"host": _HOST}]},
        }
        preview = {"metadata": {"name": "pr-7", "namespace": "shop-previews", "resourceVersion": "1"}}
        self._lists: dict[str, list[Any]] = {
            "previewprojects": [project],
            "previews": [preview],
            "ingresses": [route],
            "namespaces/ingress/pods": [pod],
        }
        self.log = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in log)
        self.asked: list[str] = []
        self.is_secretive = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                path = head.split()[1]
                self.asked.append(path)
                if "/log?" in path and self.is_secretive:
                    writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}")
                elif "/log?" in path:
                    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{self.log}".encode())
                    await writer.drain()
                    await reader.read()
                    return
                elif "watch=true" in path:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
                    await reader.read()
                    return
                else:
                    self._list(path, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def _list(self, path: str, writer: asyncio.StreamWriter) -> None:
        items = next((each for name, each in self._lists.items() if re.search(rf"/{name}\?", path)), [])
        body = json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


@asynccontextmanager
async def _followed(cluster: _Cluster) -> AsyncIterator[Visits]:
    """The visits of that cluster, once it is known whose host is whose."""
    server = await asyncio.start_server(cluster.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Client(Credentials(server=f"http://127.0.0.1:{port}")) as client:
        watches = Watches(client, WorkQueue())
        visits = Visits(watches, Prober())
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(each.run())
                for each in (watches.previews, watches.projects, watches.parts[INGRESSES])
            ]
            for each in (watches.previews, watches.projects, watches.parts[INGRESSES]):
                await each.synced.wait()
            tasks.append(group.create_task(visits.run(client)))
            yield visits
            for task in tasks:
                task.cancel()
    server.close()


def _line(agent: str | None, host: str = _HOST, minute: int = 1) -> dict[str, Any]:
    told = {"RequestHost": host, "StartUTC": f"2026-11-26T10:{minute:02}:00Z", "Duration": 1_000_000_000}
    return told if agent is None else {**told, "request_User-Agent": agent}


async def _until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 — what is looked at has no event
            await asyncio.sleep(0.01)


async def test_people_are_seen_and_robots_are_not() -> None:
    """The last visit of the host, whoever came after it: our probe, robots, or another host's visitor."""
    cluster = _Cluster(
        _TRAEFIK,
        "starting",
        _line("Firefox", minute=1),
        _line("Firefox", minute=3),
        _line("Firefox", minute=2),
        _line("kubepreview-probe/1", minute=4),
        _line("UptimeRobot/2.0", minute=5),
        _line("our-monitor", minute=6),
        _line("Firefox", "other.example.com", minute=7),
        _line("curl", minute=3),
    )
    async with _followed(cluster) as visits:
        await _until(lambda: "10:03" in str(visits.last(_PREVIEW)))
        last, trouble = visits.last(_PREVIEW), visits.trouble("ingress")

    assert str(last) == "2026-11-26 10:03:01+00:00"
    assert trouble == ""
    (asked,) = (path for path in cluster.asked if "/log?" in path)
    assert "container=my-traefik" in asked
    assert "sinceSeconds=3600" in asked


@pytest.mark.parametrize(
    ("labels", "log", "trouble"),
    [
        ({"app": "unheard-of"}, (), "no ingress controller in namespace ingress has an access log"),
        (_TRAEFIK, ("10.0.0.1 - - GET /",), "not even our own requests are seen"),
        (_TRAEFIK, (_line(None),), "does not tell user agents"),
    ],
    ids=["unknown", "another format", "no agents"],
)
async def test_where_visits_cannot_be_seen_the_reason_is_told(
    labels: dict[str, str], log: tuple[object, ...], trouble: str
) -> None:
    """So that nothing falls asleep whose visitors nobody would notice."""
    async with _followed(_Cluster(labels, *log)) as visits:
        assert "not looked for yet" in visits.trouble("ingress")
        await _until(lambda: trouble in visits.trouble("ingress"))
        last = visits.last(_PREVIEW)

    assert last is None


async def test_a_log_that_cannot_be_read_is_named() -> None:
    """With what the apiserver says."""
    cluster = _Cluster(_TRAEFIK)
    cluster.is_secretive = True
    async with _followed(cluster) as visits:
        await _until(lambda: "the log of pod ingress/ingress-1 cannot be read" in visits.trouble("ingress"))
