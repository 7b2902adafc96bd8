"""(i), (j) and (k): a controller with 500 previews, most of which sleep.

It runs outside of the cluster, so that each of its requests passes a proxy that counts. What sleeps has no
pods; what is awake runs on the real node.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.contest import Result, bounded
from benchmarks.memory import resident_mib
from kubepreview.core import conditions
from kubepreview.kube.resources import PREVIEWS, Object
from kubepreview.kube.together import together
from kubepreview.kube.wait import NotYet, wait_until
from tests.cluster.faults import life
from tests.cluster.faults.life import Life
from tests.cluster.faults.proxy import Fault, FaultProxy, Request
from tests.cluster.faults.scene import Scene, staged
from tests.cluster.team import Team

_FIRST_NUMBER = 20_000
_ASLEEP, _AWAKE = 480, 20
_AT_ONCE = 16
_FILL_TIMEOUT_S = 1800.0
_RESYNC_GOAL_S, _REQUESTS_GOAL, _GOAL_MIB = 60.0, 20.0, 512.0
_STARTS = 3
# Longer than what is awake rests between two visits.
_WINDOW_S, _WINDOWS = 60.0, 3
_VISIT = re.compile(r"^/apis/kubepreview\.dev/v1alpha1/namespaces/[^/]+/previews/(pr-\d+)$")


def results(team: Team) -> Iterator[Result]:
    """Fill the cluster, start the controller anew, and watch it while nothing happens."""
    crowd = team.with_project("crowd", "--pod-start=AtOnce")
    host, port = team.cluster.ingress
    crowd.decide(route={"address": f"{host}:{port}"})
    crowd.image(life.FIRST)
    yield from asyncio.run(_measured(crowd))


async def _measured(crowd: Team) -> Sequence[Result]:
    with tempfile.TemporaryDirectory() as folder:
        async with staged(crowd, Path(folder), _FIRST_NUMBER) as scene:
            lives = list(itertools.starmap(scene.new_life, [()] * (_ASLEEP + _AWAKE)))
            await _fill(scene, lives)
            resyncs_s = [await _resync(scene, lives) for _ in range(_STARTS)]
            rates, held_mib = [], []
            for _ in range(_WINDOWS):
                rates.append(await _rate(scene.proxy))
                held_mib.append(resident_mib(scene.controller.pid))
    crowded = f"{len(lives)} previews, {_AWAKE} of them awake"
    return (
        bounded(
            "i",
            f"a controller with {crowded}, from its start until each was visited",
            goal=_RESYNC_GOAL_S,
            values=resyncs_s,
        ),
        bounded(
            "j",
            f"requests to the apiserver with {crowded}, while nothing happens",
            goal=_REQUESTS_GOAL,
            values=rates,
            unit="requests/s",
        ),
        bounded("k", f"memory of the controller with {crowded}", goal=_GOAL_MIB, values=held_mib, unit="MiB"),
    )


async def _fill(scene: Scene, lives: Sequence[Life]) -> None:
    """What is to sleep is opened asleep, so that none of it has pods first."""
    for each in lives[_ASLEEP:]:
        await each.go(life.UP)
    wish = {"lifetime": {"sleep": {"id": "from-the-beginning", "asleep": True}}}
    await together(
        (scene.client.create(PREVIEWS, life.opened(each, **wish)) for each in lives[:_ASLEEP]),
        at_once=_AT_ONCE,
    )

    async def look() -> int | None:
        found = await scene.client.list(PREVIEWS, scene.team.control_namespace)
        asleep = sum(_has(each, conditions.ASLEEP, "Asleep") for each in found)
        if asleep < _ASLEEP:
            raise NotYet(f"{asleep} of {_ASLEEP} sleep")
        return asleep

    await wait_until(look, what="all of them sleep", timeout_s=_FILL_TIMEOUT_S)


def _has(preview: Object, kind: str, reason: str) -> bool:
    told = preview.get("status", {}).get("conditions", ())
    return any((each["type"], each["status"], each["reason"]) == (kind, "True", reason) for each in told)


async def _resync(scene: Scene, lives: Sequence[Life]) -> float:
    """From the start of the process until the last of them is visited."""
    loop = asyncio.get_running_loop()
    unvisited = {f"pr-{each.number}" for each in lives}

    def stamp(request: Request) -> Fault | None:
        if visit := _VISIT.match(request.path):
            unvisited.discard(visit[1])
        return None

    async def look() -> bool | None:
        if unvisited:
            raise NotYet(f"{len(unvisited)} were not visited yet")
        return True

    scene.proxy.judge = stamp
    began_at = loop.time()
    scene.controller.kill()
    await wait_until(look, what="each preview was visited", timeout_s=_FILL_TIMEOUT_S, pause_s=0.1)
    return loop.time() - began_at


async def _rate(proxy: FaultProxy) -> float:
    before = len(proxy.requests)
    await asyncio.sleep(_WINDOW_S)
    return (len(proxy.requests) - before) / _WINDOW_S
