"""etcd is frozen for 45 seconds while previews are made, put to sleep, woken and closed."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.cluster.faults import life
from tests.cluster.faults.life import Life
from tests.cluster.faults.scene import administrator, faults_of
from tests.cluster.machine import program_of
from tests.cluster.team import Team
from tests.cluster.witness import watching

_NUMBERS = range(9000, 9004)
_PAUSE_S = 45.0
# How far each comes before.
_HEAD_START_S = 0.4


@pytest.mark.timeout(600)
async def test_an_etcd_that_hangs_loses_nothing(team: Team) -> None:
    """Within a minute of its return each step is reached, and nothing was unguarded or made twice."""
    process = program_of(team.cluster, "etcd")
    with watching(team.cluster) as witness:
        async with administrator(team) as client:
            opening, sleeping, waking, closing = (Life(team, client, number) for number in _NUMBERS)
            await asyncio.gather(*(each.go(life.UP) for each in (sleeping, waking, closing)))
            await waking.go(life.UPDATE)
            await waking.go(life.SLEEP)
            steps = {opening: life.UP, sleeping: life.SLEEP, waking: life.WAKE, closing: life.DOWN}
            await asyncio.gather(*(each.ask(deed) for each, deed in steps.items()))
            await asyncio.sleep(_HEAD_START_S)  # the fault's own moment
            os.kill(process, signal.SIGSTOP)
            try:
                await asyncio.sleep(_PAUSE_S)  # and its length
            finally:
                os.kill(process, signal.SIGCONT)
            await asyncio.gather(*(each.reach(deed) for each, deed in steps.items()))
            await asyncio.gather(*(each.go(life.DOWN) for each in (opening, sleeping, waking)))
            await asyncio.gather(*(each.forget() for each in steps))

    assert faults_of(team, witness) == []
