"""A project with room for one preview: the others wait where everybody sees them.

A project of its own, since whatever other tests left open would hold its slots.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubepreview.core import conditions
from tests.cluster.machine import eventually
from tests.cluster.team import Team, sha
from tests.commands import Ended

_PROJECT = "crowded"
_COMMIT = sha("7")
_FIRST, _SECOND, _THIRD = 171, 172, 173


@pytest.fixture(scope="module")
def crowded(team: Team) -> Iterator[Team]:
    """The first has the slot, and the others were asked for after it."""
    crowded = team.with_project(_PROJECT)
    crowded.decide(maxPreviews=1)
    assert _up(crowded, _FIRST, "ada").code == 0
    assert _up(crowded, _SECOND, "ada", "--no-wait").code == 0
    eventually(lambda: _reason(crowded, _SECOND) == "Queued", "the second waits")
    assert _up(crowded, _THIRD, "bob", "--no-wait").code == 0
    eventually(lambda: _reason(crowded, _THIRD) == "Queued", "the third waits")
    yield crowded
    for number in (_FIRST, _SECOND, _THIRD):
        crowded.down(number).done()
    crowded.leave_project()


def _up(team: Team, number: int, author: str, *flags: str) -> Ended:
    return team.up(number, team.service(_COMMIT, number), _COMMIT, f"--author={author}", *flags)


def _reason(team: Team, number: int) -> str:
    return team.condition(number, conditions.READY)[1]


def _is_ready(team: Team, number: int) -> bool:
    return team.condition(number, conditions.READY)[0] == "True"


def _type(team: Team, *argv: str) -> Ended:
    return team.type(*argv, f"--project={team.project}")


def test_who_waits_is_seen_and_the_next_is_fair(crowded: Team) -> None:
    """Place, holders and cure are told; one more slot goes to the author who has none."""
    eventually(lambda: _places(crowded) == {_SECOND: 2, _THIRD: 1}, "both have their places")
    shown, listed = _type(crowded, "status", str(_SECOND)).out, _type(crowded, "list").out
    spaces = crowded.names("namespace")

    crowded.decide(maxPreviews=2)
    eventually(lambda: _is_ready(crowded, _THIRD), "the third is served")

    assert f"place 2 of 2 in the queue: pr-{_FIRST} hold 1 of 1 slots" in shown
    assert "closes, sleeps or fails" in shown
    assert "Queued (2)" in listed
    assert f"{_PROJECT}-pr-{_SECOND}" not in spaces
    assert _reason(crowded, _SECOND) == "Queued"


def _places(team: Team) -> dict[int, int]:
    return {
        number: team.preview(number)["status"].get("slot", {}).get("place", 0) for number in (_SECOND, _THIRD)
    }


def test_sleep_gives_way_and_whoever_is_to_wake_waits(crowded: Team) -> None:
    """It stays asleep until there is room, says so, and the wish is not forgotten."""
    slept = _type(crowded, "sleep", str(_FIRST))
    eventually(lambda: _is_ready(crowded, _SECOND), "the second has the slot that the first gave up")
    woken = _type(crowded, "wake", str(_FIRST), "--timeout=3s")
    asleep = crowded.condition(_FIRST, conditions.ASLEEP)

    assert crowded.down(_SECOND).code == 0
    eventually(lambda: _is_ready(crowded, _FIRST), "the first is served again")

    assert slept.code == 0, slept.err
    assert woken.code == 4
    assert "in the queue" in woken.err
    assert asleep == ("True", "Asleep")
