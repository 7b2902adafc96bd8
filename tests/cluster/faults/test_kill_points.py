"""The controller is killed before and after its requests, and at any moment, and each step is reached.

`make test-faults` makes every kill there is and a thousand more; the numbers here are a sample of these.
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
from tests.cluster.faults.kill_points import Aim, Aims
from tests.cluster.faults.life import Deed, Life
from tests.cluster.faults.scene import Scene, faults_of, staged
from tests.cluster.team import Team
from tests.cluster.witness import watching

_LIVES_AT_ONCE = 3
_SEED = 20261126
# A sample, or by `make test-faults` every point there is, and a thousand moments.
_IS_SAMPLE = os.environ.get("KUBEPREVIEW_KILLS") != "all"  # noqa: TID251 - entry point of tests
_AT_POINTS, _AT_ANY_MOMENT = (24, 8) if _IS_SAMPLE else (1_000_000, 1000)
_TIMEOUT_S = 900 if _IS_SAMPLE else 6 * 3600
_LONGEST_PAUSE_S = 4.0


@dataclass(frozen=True)
class Point:
    """A kill: during which step, and before or after its how manieth request."""

    step: str
    nth: int
    after: bool


@dataclass
class Points:
    """The kills to be made, in this order within a step, and what came of each."""

    waiting: dict[str, list[Point]]
    most: int
    struck: list[str] = field(default_factory=list)
    missed: list[Point] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether enough were made, or none is left."""
        return len(self.struck) >= self.most or not any(self.waiting.values())

    @asynccontextmanager
    async def aimed(self, one: Life, step: str, aims: Aims) -> AsyncIterator[None]:
        """Aim at this preview during the block."""
        point = self.waiting[step].pop() if self.waiting[step] and not self.is_over else None
        aims.by_number[one.number] = aim = Aim(point.nth, point.after) if point else Aim()
        yield
        del aims.by_number[one.number]
        if aim.struck:
            self.struck.append(f"{step}: {aim.struck}")
        elif point:
            self.missed.append(point)


async def _counted(scene: Scene) -> dict[str, int]:
    """How many requests each step takes when nothing happens to the controller."""
    aims, counts = Aims(), {}
    scene.proxy.judge = aims.judge
    one = scene.new_life()
    for deed in life.WHOLE:
        aims.by_number[one.number] = aim = Aim()
        await one.go(deed)
        counts[deed.name] = len(aim.seen)
    await one.forget()
    return counts


def _points(counts: dict[str, int], rng: random.Random) -> dict[str, list[Point]]:
    """Every kill there is, by step, in any order."""
    waiting = {}
    for step, count in counts.items():
        waiting[step] = [Point(step, nth, after) for nth in range(1, count + 1) for after in (False, True)]
        rng.shuffle(waiting[step])
    return waiting


@pytest.mark.timeout(_TIMEOUT_S)
async def test_a_kill_before_or_after_any_request_loses_nothing(doomed: Team, tmp_path: Path) -> None:
    """Each step of each life is reached within a minute; nothing was unguarded, nothing made twice."""
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    aims = Aims()
    with watching(doomed.cluster) as witness:
        async with staged(doomed, tmp_path, 1000) as scene:
            counts = await _counted(scene)
            points = Points(_points(counts, rng), _AT_POINTS)
            scene.proxy.judge = aims.judge

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
        _tell(counts, points, scene.controller.starts)

    assert len(points.struck) + len(points.missed) >= min(_AT_POINTS, 2 * sum(counts.values()))
    assert faults_of(doomed, witness) == []


def _tell(counts: dict[str, int], points: Points, starts: int) -> None:
    """How many there are, and how many were made."""
    requests = ", ".join(f"{step} {count}" for step, count in counts.items())
    print(  # noqa: T201 - a figure of the docs
        f"\nrequests: {requests}; kill points: {2 * sum(counts.values())}; killed at {len(points.struck)}; "
        f"{len(points.missed)} were not met again; the controller was started {starts} times",
        *points.struck,
        sep="\n",
    )


@pytest.mark.timeout(_TIMEOUT_S)
async def test_a_kill_at_any_moment_loses_nothing(doomed: Team, tmp_path: Path) -> None:
    """The same, at moments that nobody chose."""
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    with watching(doomed.cluster) as witness:
        async with staged(doomed, tmp_path, 5000) as scene:

            async def kill() -> None:
                for _ in range(_AT_ANY_MOMENT):
                    await asyncio.sleep(rng.random() * _LONGEST_PAUSE_S)  # the fault's own moment
                    scene.controller.kill()

            async def live() -> None:
                while not killing.done():
                    await scene.whole_life()

            async with asyncio.TaskGroup() as group:
                killing = group.create_task(kill())
                for _ in range(_LIVES_AT_ONCE):
                    group.create_task(live())
        print(f"\nkilled {_AT_ANY_MOMENT} times; started {scene.controller.starts} times")  # noqa: T201 - a figure

    assert faults_of(doomed, witness) == []
