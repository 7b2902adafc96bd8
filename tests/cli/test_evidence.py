"""`evidence` against a real apiserver, where a test speaks for the controller."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path

import msgspec
import structlog

from kubepreview.controller.evidence import drop_expired
from kubepreview.controller.metrics import Metrics
from kubepreview.controller.probe import Prober
from kubepreview.controller.queue import WorkQueue
from kubepreview.controller.rooms import Rooms
from kubepreview.controller.tools import Tools
from kubepreview.controller.visits import Visits
from kubepreview.controller.watches import Watches
from kubepreview.core import evidence, keys
from kubepreview.core.evidence import Container, Evidence
from kubepreview.core.model import Preview
from kubepreview.kube.client import Client
from kubepreview.kube.resources import CONFIGMAPS
from tests.cli.conftest import Cluster

_NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
_FOUND = Evidence(
    reason="Failed",
    number=7,
    sha="a" * 40,
    taken_at=_NOW,
    events=("BackOff Pod/web-1",),
    logs=(Container(pod="web-1", container="web", lines=("one", "\x1b[2Jtwo")),),
)


def _keep(cluster: Cluster, scope: str, until: dt.datetime) -> None:
    preview = msgspec.convert(cluster.get(scope, 7), Preview)

    async def apply() -> None:
        async with Client(cluster.plane.admin) as client:
            await client.apply(evidence.kept_object(preview, _FOUND, until), manager=keys.MANAGER)

    asyncio.run(apply())


def test_what_is_kept_is_printed_for_people_and_for_programs(
    cluster: Cluster, opened: Path, scope: str
) -> None:
    """As it was said; only a terminal is protected from it."""
    _keep(cluster, scope, _NOW)

    text, data = (cluster.type(opened, "evidence", "7", *flags) for flags in ((), ("--output=json",)))

    assert text.code == 0, text.err
    assert "Failed at 2026-01-02T03:04:05Z" in text.out
    assert "    one\n    \x1b[2Jtwo\n" in text.out
    assert json.loads(data.out)[0]["logs"][0]["lines"] == ["one", "\x1b[2Jtwo"]


def test_where_nothing_is_kept_it_says_when_something_would_be(
    cluster: Cluster, opened: Path, scope: str
) -> None:
    """Exit 1; one that was never there is told from one of which nothing is kept."""
    assert scope
    nothing, nobody = cluster.type(opened, "evidence", "7"), cluster.type(opened, "evidence", "8")

    assert (nothing.code, nobody.code) == (1, 1)
    assert "evidence is taken when a commit fails" in nothing.err
    assert "pull request 8" in nobody.err


def test_it_goes_when_its_time_is_over(cluster: Cluster, opened: Path, scope: str) -> None:
    """By the cluster's clock; what is still to be kept stays."""
    assert opened

    async def left(until: dt.timedelta) -> int:
        async with Client(cluster.plane.admin) as client, Prober() as prober:
            await client.list(CONFIGMAPS, scope)
            preview = msgspec.convert(cluster_preview, Preview)
            obj = evidence.kept_object(preview, _FOUND, client.clock.now() + until)
            await client.apply(obj, manager=keys.MANAGER)
            watches = Watches(client, WorkQueue())
            tools = Tools(
                cluster=client,
                prober=prober,
                visits=Visits(watches, prober),
                rooms=Rooms(watches),
                metrics=Metrics(),
                log=structlog.stdlib.get_logger(),
            )
            await drop_expired(tools, [scope])
            return len(await client.list(CONFIGMAPS, scope, labels=keys.EVIDENCE))

    cluster_preview = cluster.get(scope, 7)
    assert asyncio.run(left(dt.timedelta(hours=1))) == 1
    assert asyncio.run(left(dt.timedelta(seconds=-1))) == 0
