"""What people ask for in comments is done, for those who may; what others say is talk.

The controller is the real one, outside of the cluster, where it reaches the GitHub that stands in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubepreview.kube.wait import wait_until
from standin.world import READERS_TOKEN, STRANGERS_TOKEN, TOKEN, Account
from tests.cluster.github_scene import COMMIT, OPENED, Scene, staged
from tests.cluster.team import Team

_PROJECT = "commanded"
_REPOSITORY = f"acme/{_PROJECT}"
_NUMBER = 331
_ADA = Account("ada", 404)


@pytest.fixture(scope="module")
def commanded(team: Team) -> Iterator[Team]:
    """A project of its own, which has previews of forks."""
    commanded = team.with_project(_PROJECT, "--forks=Approved")
    yield commanded
    commanded.leave_project()


async def _say(scene: Scene, line: str, author: Account = _ADA) -> None:
    scene.github.say(_REPOSITORY, _NUMBER, author, line)


async def _answered(scene: Scene, line: str) -> str:
    """Say it, and wait for the answer; the answer."""
    said = len(_answers(scene, line))
    await _say(scene, line)

    async def answer() -> str | None:
        found = _answers(scene, line)[said:]
        return found[0] if found else None

    return await wait_until(answer, what=f"an answer to {line}", timeout_s=60)


def _answers(scene: Scene, line: str) -> list[str]:
    us = scene.github.accounts[TOKEN]
    said = [each.body for each in scene.github.said(_REPOSITORY, _NUMBER) if each.author == us]
    return [body.removeprefix(f"`{line}`: ") for body in said if body.startswith(f"`{line}`: ")]


@pytest.mark.timeout(300)
async def test_a_comment_of_somebody_who_may_is_done_and_answered(commanded: Team, tmp_path: Path) -> None:
    """A fork is approved, sleeps, wakes, lives longer, and closes; once for each comment."""
    async with staged(commanded, tmp_path) as scene:
        scene.github.open(_REPOSITORY, _NUMBER, OPENED)
        scene.github.permissions[_REPOSITORY, "ada"] = "write"
        scene.github.permissions[_REPOSITORY, "reader"] = "read"
        assert (await scene.up(_NUMBER, from_fork=True)).code == 0
        await scene.until(_NUMBER, "False", "ApprovalMissing", "Ready")

        await _strangers_change_nothing(scene)
        assert "full SHA" in await _answered(scene, f"/preview approve {COMMIT[:7]}")
        assert "is approved" in await _answered(scene, f"/preview approve {COMMIT}")
        await scene.until(_NUMBER, "True", "Ready", "Ready")
        assert (await scene.preview(_NUMBER))["spec"]["approval"]["by"] == "github:ada"

        assert await _answered(scene, "/preview sleep") == "it goes to sleep"
        await scene.until(_NUMBER, "False", "Asleep", "Ready")
        assert await _answered(scene, "/preview wake") == "it wakes"
        await scene.until(_NUMBER, "True", "Ready", "Ready")
        assert await _answered(scene, "/preview") == f"`{COMMIT[:7]}` is ready"
        assert "longer" in await _answered(scene, "/preview extend 30d")
        assert "is not a duration" in await _answered(scene, "/preview extend ever")

        scene.controller.kill()
        assert await _answered(scene, "/preview down") == "it is being closed"
        await scene.until(_NUMBER, "False", "Closed", "Ready")

    assert all(
        len(_answers(scene, line)) == 1 for line in ("/preview sleep", "/preview wake", "/preview down")
    )


async def _strangers_change_nothing(scene: Scene) -> None:
    """Who may not write, who is a bot, what was edited: not even an answer comes of it."""
    approve = f"/preview approve {COMMIT}"
    await _say(scene, approve, scene.github.accounts[STRANGERS_TOKEN])
    await _say(scene, approve, scene.github.accounts[READERS_TOKEN])
    await _say(scene, approve, Account("ada[bot]", 405))
    await _say(scene, f"> {approve}")
    edited = scene.github.say(_REPOSITORY, _NUMBER, _ADA, "nice")
    edited.edit(approve, edited.updated_at + dt.timedelta(seconds=1))
    asked = f"/repos/{_REPOSITORY}/collaborators/reader/permission"

    async def was_asked_about() -> bool | None:
        return asked in scene.github.asked or None

    await wait_until(was_asked_about, what="the controller asks what the reader may do", timeout_s=60)
    edited.edit("nice", edited.created_at)
    assert "approval" not in (await scene.preview(_NUMBER))["spec"]
