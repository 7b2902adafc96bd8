"""No credential of the cluster is with GitHub: CI publishes, and the controller takes it from there.

The controller is the real one, outside of the cluster, where it reaches the GitHub that stands in and the
registry of the cluster.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubepreview.core import artifact
from kubepreview.core.artifact import Bundle
from kubepreview.core.conditions import ARTIFACT_TAKEN, READY
from kubepreview.core.model import Entry
from kubepreview.kube.wait import wait_until
from kubepreview.registry.artifacts import publish
from tests.cluster.github_scene import OPENED, Scene, staged
from tests.cluster.team import Team, sha
from tests.commands import kubepreview

_PROJECT = "taking"
_REPOSITORY = f"acme/{_PROJECT}"
_NUMBER = 401
_FIRST, _SECOND = sha("d"), sha("e")


def _at(minutes: int) -> dt.datetime:
    return OPENED + dt.timedelta(minutes=minutes)


@pytest.fixture(scope="module")
def taking(team: Team) -> Iterator[Team]:
    """A project whose manifests are taken from the cluster's own registry."""
    there = team.with_project(_PROJECT, f"--artifacts={team.cluster.registry}/{_PROJECT}/previews")
    yield there
    there.leave_project()


def _published(team: Team, commit: str, folder: Path) -> str:
    """What a job without any way to the cluster does."""
    root = team.service(commit, _NUMBER)
    flags = (f"--to={team.cluster.registry}/{_PROJECT}/previews", f"--sha={commit}", f"--root={root}")
    nowhere = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    return kubepreview("publish", *flags, environ=nowhere, directory=root).done().strip()


@pytest.mark.timeout(300)
async def test_from_a_push_to_a_green_link_without_a_credential_in_github(
    taking: Team, tmp_path: Path
) -> None:
    """Opened, built late, pushed to, marked as a draft, closed and opened again."""
    async with staged(taking, tmp_path) as scene:
        await _a_commit_that_is_not_built_yet_is_told_of(scene)
        await _what_is_published_is_served(scene, tmp_path)
        await _what_is_no_artifact_of_the_commit_is_refused(scene)
        await _the_next_commit_is_served(scene, tmp_path)
        await _what_the_list_says_of_it_is_known(scene)
        await _it_ends_with_its_pull_request_and_comes_back_with_it(scene)
        scene.github.close(_REPOSITORY, _NUMBER, _at(9))
        await scene.until(_NUMBER, "False", "Closed", READY)


async def _a_commit_that_is_not_built_yet_is_told_of(scene: Scene) -> None:
    scene.github.open(_REPOSITORY, _NUMBER, OPENED, head=_FIRST, title="Add a cart", author="ann")
    reference = f"{scene.team.cluster.registry}/{_PROJECT}/previews:{_FIRST}"
    await _until_there(scene)
    told = await scene.until(_NUMBER, "False", "Building", READY)
    await scene.until(_NUMBER, "False", "NotFound", ARTIFACT_TAKEN)
    spec = (await scene.preview(_NUMBER))["spec"]

    assert told == f"{_FIRST[:7]} is being built: waiting for {reference}"
    assert (spec["pullRequest"]["title"], spec["pullRequest"]["author"]) == ("Add a cart", "ann")
    assert not spec["manifests"]
    await _comment_says(scene, f"`{_FIRST[:7]}`: building", reference)


async def _what_is_published_is_served(scene: Scene, folder: Path) -> None:
    published = await asyncio.to_thread(_published, scene.team, _FIRST, folder)
    await scene.until(_NUMBER, "True", "Ready", READY)
    taken = await scene.until(_NUMBER, "True", "Taken", ARTIFACT_TAKEN)

    assert taken == published == (await scene.preview(_NUMBER))["spec"]["artifact"]
    assert await asyncio.to_thread(scene.team.served, _NUMBER) == _FIRST
    await _comment_says(scene, f"`{_FIRST[:7]}`: ready")


async def _what_is_no_artifact_of_the_commit_is_refused(scene: Scene) -> None:
    """The artifact of another commit, under the new one's name; what was served before still is."""
    web = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    other = artifact.pack(Bundle(sha=_FIRST, entry=Entry(service="web", port=80), manifests=(web,)))
    reference = f"{scene.team.cluster.registry}/{_PROJECT}/previews:{_SECOND}"
    await publish(reference, other, credentials={})
    scene.github.open(_REPOSITORY, _NUMBER, _at(1), head=_SECOND)
    why = await scene.until(_NUMBER, "False", "Refused", ARTIFACT_TAKEN)

    assert why == f"take {reference}: it is of {_FIRST}, and not of {_SECOND}"
    assert (await scene.condition(_NUMBER, READY))[0] == "True"
    assert await asyncio.to_thread(scene.team.served, _NUMBER) == _FIRST
    await _comment_says(scene, f"`{_FIRST[:7]}`: ready", "| Next |", why)


async def _the_next_commit_is_served(scene: Scene, folder: Path) -> None:
    await asyncio.to_thread(_published, scene.team, _SECOND, folder)
    await scene.until(_NUMBER, "True", "Taken", ARTIFACT_TAKEN)

    async def is_served() -> bool | None:
        served = (await scene.preview(_NUMBER))["status"].get("served", {})
        return served.get("sha") == _SECOND or None

    await wait_until(is_served, what=f"{_SECOND} to be served", timeout_s=60)
    assert await asyncio.to_thread(scene.team.served, _NUMBER) == _SECOND


async def _what_the_list_says_of_it_is_known(scene: Scene) -> None:
    """Labels and drafts come without a push; and what is not so any more is not kept."""

    async def known() -> tuple[bool, list[str]]:
        told = (await scene.preview(_NUMBER))["spec"]["pullRequest"]
        return told.get("draft", False), told.get("labels", [])

    for minute, (is_draft, labels) in enumerate([(True, ("big",)), (False, ())], start=3):
        scene.github.open(_REPOSITORY, _NUMBER, _at(minute), is_draft=is_draft, labels=labels)
        wanted = (is_draft, list(labels))

        async def told(wanted: tuple[bool, list[str]] = wanted) -> bool | None:
            return await known() == wanted or None

        await wait_until(told, what=f"its facts to be {wanted}", timeout_s=30)


async def _it_ends_with_its_pull_request_and_comes_back_with_it(scene: Scene) -> None:
    scene.github.close(_REPOSITORY, _NUMBER, _at(6))
    await scene.until(_NUMBER, "False", "Closed", READY)
    scene.github.open(_REPOSITORY, _NUMBER, _at(7))
    await scene.until(_NUMBER, "True", "Ready", READY)

    assert await asyncio.to_thread(scene.team.served, _NUMBER) == _SECOND


async def _until_there(scene: Scene) -> None:
    async def there() -> bool | None:
        return _NUMBER in await scene.states() or None

    await wait_until(there, what=f"a Preview of {_NUMBER}", timeout_s=30)


async def _comment_says(scene: Scene, *words: str) -> None:
    async def says() -> bool | None:
        said = [each.body for each in scene.github.said(_REPOSITORY, _NUMBER)]
        return (len(said) == 1 and all(word in said[0] for word in words)) or None

    await wait_until(says, what=f"one comment that says {words}", timeout_s=60)
