"""Deployments and check runs: one for each commit, with the last word about it, and never two."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from kubepreview.core import checks
from kubepreview.core.feedback import Draft
from kubepreview.core.model import Posted
from kubepreview.errors import KubepreviewError, Refused, Unreachable
from kubepreview.github.checks import Checks
from kubepreview.github.client import GitHub
from kubepreview.github.deployments import Deployments
from standin.faults import FAULTS, Fault
from standin.server import StandIn
from standin.world import STRANGERS_TOKEN
from tests.core.examples import OLD_SHA, SHA, preview
from tests.github.conftest import PLACE, client

_AT = "2026-01-02T03:04:05Z"
_URL = "http://pr-7.rapidrar.example.com"
_FAILURE = {"object": "Deployment/web", "reason": "Crash", "message": "it ended"}
_CHANNELS: Mapping[str, type[Deployments | Checks]] = {"deployment": Deployments, "check": Checks}


def _ready(sha: str = SHA, status: str = "True", reason: str = "Ready") -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "reason": reason, "observedGeneration": 1}
    served = {"sha": sha, "since": _AT}
    return {"conditions": [{**ready, "lastTransitionTime": _AT}], "url": _URL, "served": served}


def _draft(
    which: str, sha: str = SHA, status: Any = None, state: str = "Open", mark: str = PLACE.mark
) -> Draft:
    revision = {"sha": sha, "observedAt": _AT}
    of = preview(status=status or {}, revision=revision, state=state)
    return _CHANNELS[which].draft(of, mark)


async def _put(asking: GitHub, which: str, draft: Draft, posted: Posted | None = None) -> Posted:
    posted = posted or Posted()
    known = await _CHANNELS[which](asking).put(PLACE, draft, posted, may_make=not posted.problem)
    return Posted(id=known, sha=draft.sha, digest=draft.digest)


async def test_a_deployment_lives_with_its_commit(github: StandIn, app: Path) -> None:
    """Made with the push, successful with the link when served, inactive with the next push or close."""
    async with client(github, app) as asking:
        posted = await _put(asking, "deployment", _draft("deployment", OLD_SHA))
        posted = await _put(asking, "deployment", _draft("deployment", OLD_SHA, _ready(OLD_SHA)), posted)
        posted = await _put(asking, "deployment", _draft("deployment"), posted)
        posted = await _put(asking, "deployment", _draft("deployment", status=_ready()), posted)
        await _put(asking, "deployment", _draft("deployment", state="Closed"), posted)

    first, second = github.deployments.values()
    assert (first.body["ref"], second.body["ref"]) == (OLD_SHA, SHA)
    assert {each.body["environment"] for each in (first, second)} == {"preview-7"}
    assert [each["state"] for each in first.statuses] == ["success", "inactive"]
    assert [each["state"] for each in second.statuses] == ["success", "inactive"]
    assert second.statuses[0]["environment_url"] == _URL
    assert first.author.login == "kubepreview[bot]"


async def test_a_check_run_concludes_when_there_is_something_to_conclude(github: StandIn, app: Path) -> None:
    """In progress, then what became of the commit: a required check stays open until then."""
    async with client(github, app) as asking:
        posted = await _put(asking, "check", _draft("check"))
        (run,) = github.check_runs.values()
        begun = dict(run.body)
        await _put(asking, "check", _draft("check", status=_ready()), posted)

    assert (begun["name"], begun["head_sha"], begun["status"]) == ("preview", SHA, "in_progress")
    assert (run.body["status"], run.body["conclusion"]) == ("completed", "success")
    assert run.body["details_url"] == _URL
    assert f"| Link | {_URL} |" in run.body["output"]["summary"]


@pytest.mark.parametrize(
    ("status", "test", "concluded"),
    [
        (_ready(), None, "success"),
        (_ready(), {"sha": SHA, "passed": True, "finishedAt": _AT}, "success"),
        (_ready(), {"sha": SHA, "passed": False, "finishedAt": _AT}, "failure"),
        (_ready(), {"sha": OLD_SHA, "passed": False, "finishedAt": _AT}, "success"),
        (_ready(status="False", reason="Asleep"), None, "success"),
        (_ready(OLD_SHA, "False", "Asleep"), None, None),
        (_ready(status="False", reason="Queued"), None, None),
        ({**_ready(status="False", reason="Crash"), "failure": _FAILURE}, None, "failure"),
    ],
)
def test_what_is_concluded(status: dict[str, Any], test: object, concluded: str | None) -> None:
    """Of this commit alone, and nothing while nothing is known of it."""
    of = preview(status=status, **({"test": test} if test else {}))

    assert checks.draft(of, PLACE.mark).body.get("conclusion") == concluded


@pytest.mark.parametrize("which", _CHANNELS)
async def test_one_whose_answer_was_lost_is_found_again(github: StandIn, app: Path, which: str) -> None:
    """By its commit and its marker, also by a process that has forgotten everything."""
    async with client(github, app) as asking:
        await asking.get(f"/repos/{PLACE.repository}/pulls/{PLACE.number}")  # it has its token
        github.lost_writes = 1
        with pytest.raises(Unreachable):
            await _put(asking, which, _draft(which))
        await _put(asking, which, _draft(which), Posted(problem="lost"))
        await _put(asking, which, _draft(which, status=_ready()))

    assert len(github.deployments) + len(github.check_runs) == 1


@pytest.mark.parametrize("which", _CHANNELS)
async def test_somebody_elses_is_left_alone(github: StandIn, app: Path, which: str) -> None:
    """With the same commit, and another marker."""
    async with client(github, app) as asking:
        ours = await _put(asking, which, _draft(which))
        place = structs.replace(PLACE, mark="<!-- another cluster's -->")
        draft = _draft(which, mark=place.mark)
        theirs = await _CHANNELS[which](asking).put(place, draft, Posted(), may_make=True)

    assert theirs != ours.id


async def test_only_an_app_writes_check_runs(github: StandIn, folder: Path) -> None:
    """GitHub's rule, told before it is met."""
    (folder / "token").write_text(STRANGERS_TOKEN)
    async with client(github, folder) as asking:
        with pytest.raises(Refused, match="Apps only"):
            await _put(asking, "check", _draft("check"))

    assert github.asked == []


@pytest.mark.parametrize("which", _CHANNELS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_told(github: StandIn, app: Path, which: str, fault: Fault) -> None:
    """And what was there before is there after."""
    async with client(github, app, timeout_s=1) as asking:
        posted = await _put(asking, which, _draft(which))
        github.fault = fault
        with pytest.raises(KubepreviewError):
            await _put(asking, which, _draft(which, status=_ready()), posted)

    assert len(github.deployments) + len(github.check_runs) == 1
