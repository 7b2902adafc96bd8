"""(b) From the write of the Preview to the last of its objects, as a watcher of the apiserver sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from benchmarks.contest import Result, bounded
from kubepreview.core import keys
from kubepreview.kube import credentials
from kubepreview.kube.client import Client
from kubepreview.kube.resources import DEPLOYMENTS, INGRESSES, PREVIEWS, SERVICES, Resource
from kubepreview.kube.store import Key
from kubepreview.kube.wait import wait_until
from kubepreview.kube.watch import Reflector
from tests.cluster.team import CONTROL_NAMESPACE, PROJECT, Team, application, sha

_ROUNDS = 20
_FIRST_NUMBER = 300
_P50_GOAL_S = 0.3
_P95_GOAL_S = 0.8
_TIMEOUT_S = 60
# What a preview of the example consists of; the route is the last.
_WATCHED = (DEPLOYMENTS, SERVICES, INGRESSES)


def results(team: Team) -> Iterator[Result]:
    """One preview after the other, each of a Deployment, a Service and the route, begun when all is calm."""
    times = asyncio.run(_measure(team))
    for number in range(_FIRST_NUMBER, _FIRST_NUMBER + _ROUNDS):
        team.down(number).done()
    what = "Preview written until the last object applied"
    yield bounded("b-p50", f"{what}, median", goal=_P50_GOAL_S, values=times)
    yield bounded("b-p95", f"{what}, 95th of 100", goal=_P95_GOAL_S, values=times, percentile=95)


async def _measure(team: Team) -> list[float]:
    image = team.image(sha("a"))
    async with Client(credentials.load(team.cluster.kubeconfig, None, {})) as client:
        seen = Seen()
        async with asyncio.TaskGroup() as group:
            reflectors = [seen.reflector(client, each) for each in _WATCHED]
            watching = [group.create_task(each.run()) for each in reflectors]
            for each in reflectors:
                await each.synced.wait()
            numbers = range(_FIRST_NUMBER, _FIRST_NUMBER + _ROUNDS)
            times = [await _one(client, seen, number, image) for number in numbers]
            for task in watching:
                task.cancel()
    return times


class Seen:
    """When each object was first seen."""

    def __init__(self) -> None:
        self._at: dict[tuple[Resource, str], float] = {}
        self._news = asyncio.Event()

    def reflector(self, client: Client, resource: Resource) -> Reflector[None]:
        """A watch that only notes the namespace and the time."""

        def note(key: Key) -> None:
            self._at.setdefault((resource, key[0]), time.perf_counter())
            self._news.set()

        return Reflector(
            client, resource, labels=f"{keys.MANAGED}=true", decode=lambda _: None, on_change=note
        )

    async def all_of(self, space: str) -> float:
        """The time of the last of the watched kinds in the namespace, once all are there."""
        while not all((resource, space) in self._at for resource in _WATCHED):
            self._news.clear()
            await self._news.wait()
        return max(self._at[resource, space] for resource in _WATCHED)


async def _one(client: Client, seen: Seen, number: int, image: str) -> float:
    name = f"pr-{number}"
    preview = {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": name, "namespace": CONTROL_NAMESPACE},
        "spec": {
            "project": PROJECT,
            "pullRequest": {"number": number},
            "revision": {"sha": sha("a"), "observedAt": "2026-01-01T00:00:00Z"},
            "state": "Open",
            "entry": {"service": "web", "port": 80, "path": "/healthz"},
            "manifests": application(image),
        },
    }
    began = time.perf_counter()
    await client.apply(preview, manager=keys.CLI_MANAGER)
    async with asyncio.timeout(_TIMEOUT_S):
        took = await seen.all_of(f"{PROJECT}-pr-{number}") - began

    async def is_ready() -> bool | None:
        conditions = (
            (await client.get(PREVIEWS, name, CONTROL_NAMESPACE)).get("status", {}).get("conditions", [])
        )
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions) or None

    await wait_until(is_ready, what=f"{name} ready, so that the next begins in calm", timeout_s=_TIMEOUT_S)
    return took
