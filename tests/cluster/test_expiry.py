"""A preview that nobody uses is warned, closed and accounted for; one that somebody wants is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubepreview.core import conditions
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import PROJECT, Team, application, sha
from tests.commands import Ended

_COMMIT = sha("1")
_UNUSED, _KEPT, _EXTENDED = 150, 151, 152
_AT = "--observed-at=2026-01-02T00:00:00Z"


@pytest.fixture(scope="module")
def hurried(team: Team) -> Iterator[Path]:
    """A checkout of the project, in which a preview lives for twenty seconds."""
    root = team.checkout("expiry", *application(team.image(_COMMIT)))
    team.decide(timeToLive="20s")
    yield root
    team.decide(timeToLive="7d")


def _extend(team: Team, number: int, *flags: str) -> Ended:
    return team.type("extend", str(number), f"--project={PROJECT}", *flags)


def test_what_nobody_uses_is_warned_and_then_closed(team: Team, hurried: Path) -> None:
    """The warning stands first, as a condition and an Event; then nothing is left, and the receipt says why.

    Its job, run once more with the same event, brings it back: the pull request is open as before.
    """
    assert team.up(_UNUSED, hurried, _COMMIT, _AT).code == 0
    others = [team.up(number, hurried, _COMMIT, "--no-wait") for number in (_KEPT, _EXTENDED)]
    wishes = [_extend(team, _KEPT, "--keep"), _extend(team, _EXTENDED, "--for=1h")]

    eventually(lambda: team.condition(_UNUSED, conditions.EXPIRING)[0] == "True", "it is warned")
    told = kubectl(team.cluster, "get", "events", f"--namespace={PROJECT}-previews", "--output=wide")
    eventually(lambda: team.condition(_UNUSED, conditions.READY)[1] == "Closed", "it is closed", timeout_s=90)
    closed = team.preview(_UNUSED)
    shown = team.type("status", str(_UNUSED), f"--project={PROJECT}").out
    again = team.up(_UNUSED, hurried, _COMMIT, _AT)

    assert "ExpiresSoon" in told
    assert (closed["spec"]["state"], closed["spec"]["stateReason"]) == ("Closed", "Expired")
    assert closed["status"]["receipt"]["namespaceGoneAt"]
    assert f"expired; namespace {PROJECT}-pr-{_UNUSED} is gone" in shown
    assert again.code == 0, again.err

    # Two that were as idle and as old are still there, since somebody asked for it.
    assert [each.code for each in (*others, *wishes)] == [0, 0, 0, 0], [each.err for each in wishes]
    assert wishes[0].out == "never\n"
    assert team.condition(_KEPT, conditions.EXPIRING) == ("False", "Kept")
    assert team.condition(_EXTENDED, conditions.EXPIRING) == ("False", "InUse")
    for number in (_KEPT, _EXTENDED):
        assert team.preview(number)["spec"]["state"] == "Open"
    for number in (_UNUSED, _KEPT, _EXTENDED):
        assert team.down(number).code == 0
