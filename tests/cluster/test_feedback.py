"""One comment on the pull request tells the truth through the whole life of its preview.

The controller is the real one, outside of the cluster, where it reaches the GitHub that stands in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepreview.kube.wait import wait_until
from standin.world import READERS_TOKEN, STRANGERS_TOKEN, TOKEN
from tests.cluster.github_scene import COMMIT, OPENED, Scene, staged
from tests.cluster.team import Team, sha

_PROJECT = "telling"
_REPOSITORY = f"acme/{_PROJECT}"
_NUMBER = 321
_BAD_COMMIT = sha("e")


@pytest.fixture(scope="module")
def telling(team: Team) -> Iterator[Team]:
    """A project of its own, which has a comment and a Deployment."""
    telling = team.with_project(_PROJECT, "--feedback=Comment", "--feedback=Deployment")
    yield telling
    telling.leave_project()


@pytest.mark.timeout(300)
async def test_one_comment_tells_the_truth_from_the_first_push_to_the_receipt(
    telling: Team, tmp_path: Path
) -> None:
    """Each state is said where the author looks, in a comment that is edited, with few writes."""
    async with staged(telling, tmp_path) as scene:
        scene.github.open(_REPOSITORY, _NUMBER, OPENED)
        stranger = scene.github.accounts[STRANGERS_TOKEN]
        copy = scene.github.say(_REPOSITORY, _NUMBER, stranger, "<!-- kubepreview x -->\nready")
        scene.github.lost_writes = 1
        assert (await scene.up(_NUMBER)).code == 0
        ready = await _until_said(scene, "ready")
        await _until_recorded(scene)
        writes_of_a_push = len(scene.github.writes)
        await _the_newest_is_said_after_a_restart(scene)
        assert (await scene.type("sleep", str(_NUMBER), f"--project={_PROJECT}")).code == 0
        asleep = await _until_said(scene, "asleep")
        later = OPENED + dt.timedelta(hours=1)
        broken: dict[str, Any] = {"command": ["python3", "-c", "raise SystemExit('no database')"]}
        assert (await scene.up(_NUMBER, later, _BAD_COMMIT, **broken)).code == 0
        failing = await _until_said(scene, "failing")
        scene.github.close(_REPOSITORY, _NUMBER, later + dt.timedelta(hours=1))
        closed = await _until_said(scene, "closed")

    (first, ours) = scene.github.said(_REPOSITORY, _NUMBER)
    assert first is copy
    assert copy.edits == 0
    assert ours.author == scene.github.accounts[TOKEN]
    assert f"| Link | http://pr-{_NUMBER}.{_PROJECT}.localhost" in ready
    assert f"| Served | `{COMMIT}` since" in ready
    # One whose answer was lost, deploying, ready; and a deployment with its status.
    assert writes_of_a_push <= 5, scene.github.writes
    told = [[each["state"] for each in one.statuses] for one in scene.github.deployments.values()]
    assert told == [["success", "inactive"], ["failure", "inactive"]]
    assert f"| Link | http://pr-{_NUMBER}" in asleep
    assert "no database" in failing
    assert f"- namespace `{_PROJECT}-pr-{_NUMBER}`: seen gone at" in closed
    assert scene.github.limits.hits == 0


async def _the_newest_is_said_after_a_restart(scene: Scene) -> None:
    """Who comes up knows what stands there, and does not say it again."""
    before, starts = list(scene.github.writes), scene.controller.starts
    scene.controller.kill()

    async def is_led_again() -> bool | None:
        return (scene.controller.starts > starts and len(scene.github.asked) > asked) or None

    asked = len(scene.github.asked) + 1
    await wait_until(is_led_again, what="the next controller asks GitHub", timeout_s=60)
    assert scene.github.writes == before


@pytest.mark.timeout(120)
async def test_a_token_that_may_not_write_is_told_in_the_status(telling: Team, tmp_path: Path) -> None:
    """By the permission that is missing; and the preview is none the worse."""
    async with staged(telling, tmp_path, token=READERS_TOKEN) as scene:
        scene.github.open(_REPOSITORY, _NUMBER + 1, OPENED)
        assert (await scene.up(_NUMBER + 1)).code == 0

        async def problem() -> str | None:
            told = (await scene.preview(_NUMBER + 1)).get("status", {}).get("feedback", {})
            found: str = told.get("comment", {}).get("problem", "")
            return found or None

        told = await wait_until(problem, what="the status tells why nothing is written", timeout_s=60)
        await scene.until(_NUMBER + 1, "True", "Ready", "Ready")
        scene.github.close(_REPOSITORY, _NUMBER + 1, OPENED + dt.timedelta(hours=1))
        await scene.until(_NUMBER + 1, "False", "Closed", "Ready")

    assert "does not let us comment" in told
    assert scene.github.said(_REPOSITORY, _NUMBER + 1) == []


async def _until_recorded(scene: Scene) -> None:
    """What was written is on record, and the next controller knows it."""

    async def is_recorded() -> bool | None:
        told = (await scene.preview(_NUMBER)).get("status", {}).get("feedback", {})
        has_all = all(told.get(each, {}).get("digest") for each in ("comment", "deployment"))
        return (has_all and any(each.statuses for each in scene.github.deployments.values())) or None

    await wait_until(is_recorded, what="what was said is on record", timeout_s=60)


async def _until_said(scene: Scene, state: str) -> str:
    """Wait until our comment says so; the whole of it."""

    async def said() -> str | None:
        ours = [
            each.body
            for each in scene.github.said(_REPOSITORY, _NUMBER)
            if each.author == scene.github.accounts[TOKEN]
        ]
        return next((body for body in ours if body.splitlines()[1].endswith(f": {state}")), None)

    return await wait_until(said, what=f"the comment says {state}", timeout_s=120)
