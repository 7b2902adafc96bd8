"""The controller is killed before and after its requests, and at any moment, and each step is reached.

`make test-faults` makes every kill there is, one a step, and a thousand more. The numbers here are a sample
of these, with several kills in a step: the controller that comes up meets the next one on its way.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cluster.faults import life
from tests.cluster.faults.kill_points import Aim, Aims, Shot
from tests.cluster.faults.life import Deed, Life
from tests.cluster.faults.scene import Scene, faults_of, staged
from tests.cluster.team import Team
from tests.cluster.witness import watching

_LIVES_AT_ONCE = 3
_SEED = 20261126
# A sample, or by `make test-faults` every point there is, and a thousand moments.
_IS_SAMPLE = os.environ.get("KUBEPREVIEW_KILLS") != "all"  # noqa: TID251 - entry point of tests
_AT_POINTS, _AT_ANY_MOMENT = (88, 12) if _IS_SAMPLE else (1_000_000, 1000)
_IN_ONE_STEP = 4 if _IS_SAMPLE else 1
_TIMEOUT_S = 900 if _IS_SAMPLE else 6 * 3600
_LONGEST_PAUSE_S = 4.0


@dataclass
class Points:
    """The kills to be made, in this order within a step, and what came of each."""

    waiting: dict[str, list[Shot]]
    most: int
    hits: list[str] = field(default_factory=list)
    missed: int = 0

    @property
    def is_over(self) -> bool:
        """Whether enough were made, or none is left."""
        return len(self.hits) >= self.most or not any(self.waiting.values())

    @asynccontextmanager
    async def aimed(self, one: Life, step: str, aims: Aims) -> AsyncIterator[None]:
        """Aim at this preview during the block."""
        aims.by_number[one.number] = aim = Aim(() if self.is_over else self._next(step))
        yield
        del aims.by_number[one.number]
        self.hits += (f"{step}: {hit}" for hit in aim.hits)
        self.missed += len(aim.shots) - len(aim.hits)

    def _next(self, step: str) -> list[Shot]:
        """So many as one step takes: each after the one before, whose work is done again only in part."""
        waiting = self.waiting[step]
        points = sorted(
            (waiting.pop() for _ in range(min(_IN_ONE_STEP, len(waiting)))), key=lambda each: each.nth
        )
        before = (0, *(each.nth for each in points))
        return [Shot(max(one.nth - last, 1), one.after) for one, last in zip(points, before, strict=False)]


async def _counted(scene: Scene) -> dict[str, int]:
    """How many requests each step takes when nothing happens to the controller."""
    aims, counts = Aims(scene.controller), {}
    scene.proxy.judge = scene.ingress.judge = aims.judge
    one = scene.new_life()
    for deed in life.WHOLE:
        aims.by_number[one.number] = aim = Aim()
        await one.go(deed)
        counts[deed.name] = aim.seen
    await one.forget()
    return counts


def _points(counts: dict[str, int], rng: random.Random) -> dict[str, list[Shot]]:
    """Every kill there is, by step, in any order."""
    waiting = {}
    for step, count in counts.items():
        waiting[step] = [Shot(nth, after) for nth in range(1, count + 1) for after in (False, True)]
        rng.shuffle(waiting[step])
    return waiting


@pytest.mark.timeout(_TIMEOUT_S)
async def test_a_kill_before_or_after_any_request_loses_nothing(doomed: Team, tmp_path: Path) -> None:
    """Each step of each life is reached within a minute; nothing was unguarded, nothing made twice."""
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    with watching(doomed.cluster) as witness:
        async with staged(doomed, tmp_path, 1000) as scene:
            counts = await _counted(scene)
            points = Points(_points(counts, rng), _AT_POINTS)
            probes = len(scene.ingress.requests)
            aims = Aims(scene.controller)
            scene.proxy.judge = scene.ingress.judge = aims.judge

            async def step(one: Life, deed: Deed) -> None:
                async with points.aimed(one, deed.name, aims):
                    await one.go(deed)

            async def close(one: Life) -> None:
                await step(one, life.DOWN)
                await one.forget()

            async def live() -> None:
                while not points.is_over:
                    one = scene.new_life()
                    for deed in life.OPEN:
                        await step(one, deed)
                    # The next one need not wait for it.
                    group.create_task(close(one))

            async with asyncio.TaskGroup() as group:
                for _ in range(_LIVES_AT_ONCE):
                    group.create_task(live())
        _tell(counts, probes, points)

    assert len(points.hits) + points.missed >= min(_AT_POINTS, 2 * sum(counts.values()))
    assert scene.controller.starts == len(points.hits) + 1
    assert faults_of(doomed, witness) == []


def _tell(counts: dict[str, int], probes: int, points: Points) -> None:
    """How many there are, and how many were made."""
    requests = ", ".join(f"{step} {count}" for step, count in counts.items())
    print(  # noqa: T201 - a figure of the docs
        f"\nrequests: {requests}, {probes} of them to the ingress; "
        f"kill points: {2 * sum(counts.values())}; killed at {len(points.hits)}; "
        f"{points.missed} were not met again",
        *points.hits,
        sep="\n",
    )


@pytest.mark.timeout(_TIMEOUT_S)
async def test_a_kill_at_any_moment_loses_nothing(doomed: Team, tmp_path: Path) -> None:
    """The same, at moments that nobody chose."""
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    with watching(doomed.cluster) as witness:
        async with staged(doomed, tmp_path, 5000) as scene:

            async def kill() -> None:
                while scene.controller.starts <= _AT_ANY_MOMENT:
                    await asyncio.sleep(rng.random() * _LONGEST_PAUSE_S)  # the fault's own moment
                    scene.controller.kill()

            async def live() -> None:
                while not killing.done():
                    await scene.whole_life()

            async with asyncio.TaskGroup() as group:
                killing = group.create_task(kill())
                for _ in range(_LIVES_AT_ONCE):
                    group.create_task(live())
        print(f"\nkilled at {scene.controller.starts - 1} moments")  # noqa: T201 - a figure

    assert faults_of(doomed, witness) == []
