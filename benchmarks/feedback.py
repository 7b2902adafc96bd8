"""(l) and (m): how soon the comment tells of a push, and how little is written where many are pushed.

The controller runs outside of the cluster, where it reaches a GitHub that stands in, with GitHub's limits.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.contest import Result, bounded
from kubepreview.cli import writing
from kubepreview.cli.scope import Scope
from kubepreview.cli.writing import Declared
from kubepreview.core import keys
from kubepreview.core.model import Entry, PullRequest
from kubepreview.core.wire import Object
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.wait import wait_until
from tests.cluster.github_scene import OPENED, Scene, staged
from tests.cluster.team import Team, application, sha

_PROJECT, _CROWD = "told", "pushed"
_ENTRY = Entry(service="web", port=80)
_SOON_S, _WRITES_GOAL, _LIMITS_GOAL = 3.0, 2.0, 0.0
_FIRST_NUMBER, _ROUNDS = 30_000, 31
_CROWDED, _PUSHES_A_MINUTE, _MINUTES = 50, 100, 3
_TIMEOUT_S = 60.0


def results(team: Team) -> Iterator[Result]:
    """One push after the other; then a hundred a minute, for fifty pull requests of which one has pods."""
    told = team.with_project(_PROJECT, "--pod-start=AtOnce")
    pushed = team.with_project(_CROWD, "--max-previews=1", "--pod-start=AtOnce")
    yield asyncio.run(_soon(told))
    yield from asyncio.run(_few(pushed))


async def _soon(team: Team) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        async with staged(team, Path(folder)) as scene:
            numbers = range(_FIRST_NUMBER, _FIRST_NUMBER + _ROUNDS)
            # The first is not counted: the controller has to take the lead before.
            _, *times = [await _one(scene, number) for number in numbers]
    what = "a push until the comment says that it is being deployed, 95th of 100"
    return bounded("l", what, goal=_SOON_S, values=times, percentile=95)


async def _one(scene: Scene, number: int) -> float:
    """From the write of the Preview until the comment is there; and then away with it."""
    loop, repository = asyncio.get_running_loop(), f"acme/{_PROJECT}"
    manifests = tuple(application(await asyncio.to_thread(scene.team.image, sha("a"))))
    scene.github.open(repository, number, OPENED, head=sha("a"))
    # GitHub asks for a second between writes: begun when the last one is over, as pushes do.
    await asyncio.sleep(1.5)
    began_at = loop.time()
    await _push(scene, number, sha("a"), OPENED, manifests)

    async def said_at() -> float | None:
        histories = [each.history for each in scene.github.said(repository, number)]
        return next((at for history in histories for at, body in history if ": deploying" in body), None)

    # The loop's clock is the one that the stand-in reads.
    at = await wait_until(said_at, what=f"the comment on {number}", timeout_s=_TIMEOUT_S)
    await asyncio.to_thread(scene.team.down, number)
    return at - began_at


async def _few(team: Team) -> Sequence[Result]:
    with tempfile.TemporaryDirectory() as folder:
        async with staged(team, Path(folder)) as scene:
            pushes = await _pushes(scene)
            writes, hits = len(scene.github.writes), scene.github.limits.hits
    crowded = f"{_PUSHES_A_MINUTE} pushes a minute for {_CROWDED} pull requests"
    per_push = [writes / pushes] * 2
    return (
        bounded("m", f"writes to GitHub for each of {crowded}", goal=_WRITES_GOAL, values=per_push, unit=""),
        bounded(
            "m-limits",
            f"limits of GitHub that were hit by {crowded}",
            goal=_LIMITS_GOAL,
            values=[float(hits)] * 2,
            unit="",
        ),
    )


async def _pushes(scene: Scene) -> int:
    """At their pace, each pull request in its turn; how many there were."""
    repository, loop = f"acme/{_CROWD}", asyncio.get_running_loop()
    manifests = tuple(application(await asyncio.to_thread(scene.team.image, sha("a"))))
    began_at, count = loop.time(), _PUSHES_A_MINUTE * _MINUTES
    for index in range(count):
        number, at = _FIRST_NUMBER + index % _CROWDED, OPENED + dt.timedelta(seconds=index)
        commit = f"{index:040x}"
        scene.github.open(repository, number, at, head=commit)
        await _push(scene, number, commit, at, manifests)
        due_at = began_at + (index + 1) * 60.0 / _PUSHES_A_MINUTE
        await asyncio.sleep(max(due_at - loop.time(), 0.0))
    return count


async def _push(
    scene: Scene, number: int, commit: str, at: dt.datetime, manifests: tuple[Object, ...]
) -> None:
    """As `up` writes it, without the time that a command needs to start."""
    scope = Scope(namespace=scene.team.control_namespace, project=scene.team.project)
    declared = Declared(pull_request=PullRequest(number=number), sha=commit, observed_at=at)
    obj = writing.open_preview(scope, declared, manifests, _ENTRY, at)
    await scene.client.apply(obj, manager=keys.CLI_MANAGER, resource=PREVIEWS)
