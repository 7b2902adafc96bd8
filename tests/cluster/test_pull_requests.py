"""The controller reads pull requests itself: what is over is closed, and silence closes nothing.

The controller is the real one, outside of the cluster, where it reaches the GitHub that stands in.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepreview.core.conditions import READY
from kubepreview.kube.wait import wait_until
from standin.faults import FAULTS
from standin.server import StandIn
from tests.cluster.github_scene import OPENED, Scene, staged
from tests.cluster.team import Team, sha

_PROJECT = "reading"
_REPOSITORY = f"acme/{_PROJECT}"
_NUMBERS = tuple(range(301, 307))
_CLOSED = OPENED + dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def reading(team: Team) -> Team:
    """A project with room for one: the others are asked for, and cost no pods."""
    return team.with_project(_PROJECT, "--max-previews=1")


@pytest.mark.timeout(300)
async def test_what_is_over_is_closed_and_nothing_else_is(reading: Team, tmp_path: Path) -> None:
    """Six previews live through GitHub's good and bad days, and each ends when its pull request does."""
    first, merged, *others = _NUMBERS
    async with staged(reading, tmp_path) as scene:
        for number in _NUMBERS:
            scene.github.open(_REPOSITORY, number, OPENED)
            assert (await scene.up(number)).code == 0
        for number in _NUMBERS:
            await scene.until(number, "True", "Open")

        await _merged_is_gone_and_a_late_deploy_is_refused(scene, merged)
        await _silence_closes_nothing(scene, first)
        await _a_reopened_one_is_not_closed_by_what_was_before(scene, merged)
        await _many_at_once_wait_for_a_word(scene, (merged, *others))
        assert await scene.states() == dict.fromkeys(_NUMBERS, "Closed")
    await asyncio.to_thread(reading.leave_project)


async def _merged_is_gone_and_a_late_deploy_is_refused(scene: Scene, number: int) -> None:
    scene.github.close(_REPOSITORY, number, _CLOSED, merged=True)
    message = await scene.until(number, "False", "Closed", READY)
    closed = await scene.preview(number)
    late = await scene.up(number, _CLOSED - dt.timedelta(minutes=1))

    assert "because its pull request is" in message
    assert closed["spec"]["stateReason"] == "PullRequestClosed"
    assert late.code == 3, late.err
    assert (await scene.condition(number))[0] in ("", "False")


async def _silence_closes_nothing(scene: Scene, number: int) -> None:
    """Whatever goes wrong; and when GitHub speaks again, it is heard."""
    before = await scene.states()
    scene.github.close(_REPOSITORY, number, _CLOSED)
    scene.github.fault = "silence"
    for fault in FAULTS:
        scene.github.fault = fault
        asked = len(scene.github.asked)
        await wait_until(_more_than(scene.github, asked + 1), what=f"asked through {fault}", timeout_s=60)
    told = await scene.until(number, "Unknown", "NoAnswer")
    during = await scene.states()
    scene.github.fault = None
    await scene.until(number, "False", "Closed", READY)

    assert during == before
    assert told.startswith("unknown since 2")


def _more_than(github: StandIn, asked: int) -> Any:
    async def is_asked() -> bool | None:
        return len(github.asked) > asked or None

    return is_asked


async def _a_reopened_one_is_not_closed_by_what_was_before(scene: Scene, number: int) -> None:
    """GitHub's answers may lag behind its events: CI was told of the reopening first."""
    reopened = _CLOSED + dt.timedelta(hours=1)
    assert (await scene.up(number, reopened)).code == 0
    told = await scene.until(number, "False", "Merged")
    scene.github.open(_REPOSITORY, number, reopened)
    await scene.until(number, "True", "Open")

    assert told == "the preview was asked for after that, and stays"


async def _many_at_once_wait_for_a_word(scene: Scene, numbers: tuple[int, ...]) -> None:
    """Five of five: the brake holds, says so where people look, and lets go what was shown."""
    for number in numbers:
        scene.github.close(_REPOSITORY, number, _CLOSED + dt.timedelta(days=1))
    told = [await scene.until(number, "False", "Closed") for number in numbers]
    held, shown = await scene.states(), (await scene.type("brake")).out.splitlines()
    released = await scene.type("brake", "--release")
    for number in numbers:
        await scene.until(number, "False", "Closed", READY)

    assert {held[number] for number in numbers} == {"Open"}
    assert all("`kubepreview brake --release` lets it go" in each for each in told)
    assert len(shown) == len(numbers)
    assert released.code == 0, released.err


_SELECTING = "selecting"
_LABELLED = 311


@pytest.fixture(scope="module")
def selecting(team: Team) -> Iterator[Team]:
    """A project that makes previews of what is labelled, and changes the source."""
    there = team.with_project(_SELECTING, "--label=preview", "--path=src/*")
    yield there
    there.leave_project()


@pytest.mark.timeout(300)
async def test_what_decides_is_read_without_a_push(selecting: Team, tmp_path: Path) -> None:
    """A label comes and goes, and the files of each commit are asked for; each is told where one looks."""
    repository = f"acme/{_SELECTING}"

    def is_now(minute: int, **facts: Any) -> None:
        scene.github.open(repository, _LABELLED, OPENED + dt.timedelta(minutes=minute), **facts)

    async with staged(selecting, tmp_path) as scene:
        is_now(0, files=("docs/a.md",))
        await scene.up(_LABELLED)
        await scene.until(_LABELLED, "False", "LabelMissing", READY)
        is_now(1, labels=("preview",))
        why = await scene.until(_LABELLED, "False", "PathsNotChanged", READY)
        is_now(2, files=("docs/a.md", "src/app.py"), head=sha("e"))
        await scene.up(_LABELLED, OPENED + dt.timedelta(minutes=2), sha("e"))
        await scene.until(_LABELLED, "True", "Ready", READY)
        is_now(3, labels=())
        await scene.until(_LABELLED, "False", "LabelMissing", READY)
        is_now(4, labels=("preview",))
        await scene.until(_LABELLED, "True", "Ready", READY)
        scene.github.close(repository, _LABELLED, OPENED + dt.timedelta(minutes=5))
        await scene.until(_LABELLED, "False", "Closed", READY)

    assert why == "it changes no file that the project makes previews for (src/*)"
