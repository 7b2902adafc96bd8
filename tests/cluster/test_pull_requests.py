"""The controller reads pull requests itself: what is over is closed, and silence closes nothing.

The controller is the real one, outside of the cluster, where it reaches the GitHub that stands in.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kubepreview.core.conditions import PULL_REQUEST_OPEN, READY
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.wait import wait_until
from tests.cluster.faults import outside
from tests.cluster.faults.scene import administrator, behind_a_proxy
from tests.cluster.team import Team, sha
from tests.commands import Ended
from tests.github import standin
from tests.github.standin import FAULTS, TOKEN, StandIn

_PROJECT = "reading"
_REPOSITORY = f"acme/{_PROJECT}"
_COMMIT = sha("d")
_NUMBERS = tuple(range(301, 307))
_OPENED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_CLOSED = _OPENED + dt.timedelta(hours=1)


@dataclass(frozen=True)
class _Scene:
    team: Team
    client: Client
    github: StandIn

    async def type(self, *argv: str) -> Ended:
        """A command, beside what goes on."""
        return await asyncio.to_thread(self.team.type, *argv)

    async def up(self, number: int, at: dt.datetime = _OPENED) -> Ended:
        """A preview, as CI asks for it when it has seen the pull request as it was at that time."""
        root = self.team.service(_COMMIT, number)
        flags = (f"--observed-at={at.isoformat()}", "--no-wait")
        return await asyncio.to_thread(self.team.up, number, root, _COMMIT, *flags)

    async def preview(self, number: int) -> dict[str, Any]:
        """As the apiserver has it."""
        return await self.client.get(PREVIEWS, f"pr-{number}", self.team.control_namespace)

    async def condition(self, number: int, kind: str = PULL_REQUEST_OPEN) -> tuple[str, str, str]:
        """Status, reason and message of one condition."""
        said = (await self.preview(number)).get("status", {}).get("conditions", [])
        found: dict[str, str] = next((each for each in said if each["type"] == kind), {})
        return found.get("status", ""), found.get("reason", ""), found.get("message", "")

    async def until(self, number: int, status: str, reason: str, kind: str = PULL_REQUEST_OPEN) -> str:
        """Wait until the status says so; the message that goes with it."""

        async def said() -> tuple[str] | None:
            found = await self.condition(number, kind)
            return (found[2],) if found[:2] == (status, reason) else None

        (message,) = await wait_until(said, what=f"pr-{number} {kind}={status} {reason}", timeout_s=60)
        return message

    async def states(self) -> dict[int, str]:
        """Open or Closed, of each."""
        found = await self.client.list(PREVIEWS, self.team.control_namespace)
        return {each["spec"]["pullRequest"]["number"]: each["spec"]["state"] for each in found}


@asynccontextmanager
async def _staged(team: Team, folder: Path) -> AsyncIterator[_Scene]:
    token = folder / "token"
    token.write_text(TOKEN)
    with standin.serving() as github:
        async with (
            outside.resting(team),
            administrator(team) as client,
            behind_a_proxy(team, "reader", folder) as (_, controller),
        ):
            asking = (f"--github-api={github.url}", f"--github-token-file={token}")
            controller.flags = (*asking, "--github-interval=1")
            async with controller.running():
                yield _Scene(team, client, github)


@pytest.fixture(scope="module")
def reading(team: Team) -> Team:
    """A project with room for one: the others are asked for, and cost no pods."""
    return team.with_project(_PROJECT, "--max-previews=1")


@pytest.mark.timeout(300)
async def test_what_is_over_is_closed_and_nothing_else_is(reading: Team, tmp_path: Path) -> None:
    """Six previews live through GitHub's good and bad days, and each ends when its pull request does."""
    first, merged, *others = _NUMBERS
    async with _staged(reading, tmp_path) as scene:
        for number in _NUMBERS:
            scene.github.open(_REPOSITORY, number, _OPENED)
            assert (await scene.up(number)).code == 0
        for number in _NUMBERS:
            await scene.until(number, "True", "Open")

        await _merged_is_gone_and_a_late_deploy_is_refused(scene, merged)
        await _silence_closes_nothing(scene, first)
        await _a_reopened_one_is_not_closed_by_what_was_before(scene, merged)
        await _many_at_once_wait_for_a_word(scene, (merged, *others))
        assert await scene.states() == dict.fromkeys(_NUMBERS, "Closed")
    await asyncio.to_thread(reading.leave_project)


async def _merged_is_gone_and_a_late_deploy_is_refused(scene: _Scene, number: int) -> None:
    scene.github.close(_REPOSITORY, number, _CLOSED, merged=True)
    message = await scene.until(number, "False", "Closed", READY)
    closed = await scene.preview(number)
    late = await scene.up(number, _CLOSED - dt.timedelta(minutes=1))

    assert "because its pull request is" in message
    assert closed["spec"]["stateReason"] == "PullRequestClosed"
    assert late.code == 3, late.err
    assert (await scene.condition(number))[0] in ("", "False")


async def _silence_closes_nothing(scene: _Scene, number: int) -> None:
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


async def _a_reopened_one_is_not_closed_by_what_was_before(scene: _Scene, number: int) -> None:
    """GitHub's answers may lag behind its events: CI was told of the reopening first."""
    reopened = _CLOSED + dt.timedelta(hours=1)
    assert (await scene.up(number, reopened)).code == 0
    told = await scene.until(number, "False", "Merged")
    scene.github.open(_REPOSITORY, number, reopened)
    await scene.until(number, "True", "Open")

    assert told == "the preview was asked for after that, and stays"


async def _many_at_once_wait_for_a_word(scene: _Scene, numbers: tuple[int, ...]) -> None:
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
