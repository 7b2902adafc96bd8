"""Between the controller and the apiserver everything goes wrong that can, and each step is reached."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.faults.proxy import CutShort, Delay, Fault, HangUp, Refuse, Request, Swallow
from tests.cluster.faults.scene import faults_of, staged
from tests.cluster.team import Team
from tests.cluster.witness import watching

_SEED = 20261126
_LIVES_AT_ONCE, _LIVES_EACH = 3, 2
# Of all requests so many meet a fault.
_SHARE = 0.08
# Nobody is heard for so long: longer than the term of a leader.
_BLACKHOLE_S = 15.0

_OF_ALL: tuple[Fault, ...] = (
    HangUp(),
    HangUp(after=True),
    CutShort(),
    Delay(0.3),
    Delay(2.0),
    Refuse(429, "TooManyRequests", retry_after_s=1),
    Refuse(500, "InternalError"),
    Refuse(503, "ServiceUnavailable"),
    # Of somebody who is no apiserver, or means something else: no absence.
    Refuse(404, "NotFound"),
)
_OF_WRITES: tuple[Fault, ...] = (Refuse(409, "Conflict"),)
_OF_WATCHES: tuple[Fault, ...] = (Refuse(410, "Expired"),)


def _odds(rng: random.Random) -> Callable[[Request], Fault | None]:
    def judge(request: Request) -> Fault | None:
        if rng.random() > _SHARE:
            return None
        if request.is_watch:
            return rng.choice(_OF_ALL + _OF_WATCHES)
        return rng.choice(_OF_ALL if request.method == "GET" else _OF_ALL + _OF_WRITES)

    return judge


def _swallow(_request: Request) -> Fault | None:
    return Swallow()


@pytest.mark.timeout(900)
async def test_a_network_that_loses_delays_and_lies_changes_nothing(doomed: Team, tmp_path: Path) -> None:
    """Requests and answers are lost, late, cut, refused and wrong, and for a while there are none at all."""
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    with watching(doomed.cluster) as witness:
        async with staged(doomed, tmp_path, 7000) as scene:
            scene.proxy.judge = odds = _odds(rng)

            async def live() -> None:
                for _ in range(_LIVES_EACH):
                    await scene.whole_life()

            async def darken() -> None:
                await asyncio.sleep(rng.random() * _BLACKHOLE_S)  # the fault's own moment
                scene.proxy.judge = _swallow
                await asyncio.sleep(_BLACKHOLE_S)  # and its length
                scene.proxy.judge = odds

            async with asyncio.TaskGroup() as group:
                group.create_task(darken())
                for _ in range(_LIVES_AT_ONCE):
                    group.create_task(live())
        starts = scene.controller.starts

    assert starts == 1, "the controller bears all of it"
    assert faults_of(doomed, witness) == []
