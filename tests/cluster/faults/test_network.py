"""Between the controller and the apiserver everything goes wrong that can, and each step is reached."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.cluster.faults.odds import odds_of
from tests.cluster.faults.proxy import Fault, Request, Swallow
from tests.cluster.faults.scene import faults_of, staged
from tests.cluster.team import Team
from tests.cluster.witness import watching

_SEED = 20261126
_LIVES_AT_ONCE = 3
# Nobody is heard for so long: longer than the term of a leader.
_BLACKHOLE_S = 15.0


def _swallow(_request: Request) -> Fault | None:
    return Swallow()


@pytest.mark.timeout(900)
async def test_a_network_that_loses_delays_and_lies_changes_nothing(doomed: Team, tmp_path: Path) -> None:
    """Requests and answers are lost, late, cut, refused and wrong, and for a while there are none at all."""
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    with watching(doomed.cluster) as witness:
        async with staged(doomed, tmp_path, 7000) as scene:
            scene.proxy.judge = odds = odds_of(rng)

            async def darken() -> None:
                await asyncio.sleep(rng.random() * _BLACKHOLE_S)  # the fault's own moment
                scene.proxy.judge = _swallow
                await asyncio.sleep(_BLACKHOLE_S)  # and its length
                scene.proxy.judge = odds

            async with asyncio.TaskGroup() as group:
                group.create_task(darken())
                for _ in range(_LIVES_AT_ONCE):
                    group.create_task(scene.whole_life())
        starts = scene.controller.starts

    assert starts == 1, "the controller bears all of it"
    assert faults_of(doomed, witness) == []
