"""One comment, whatever GitHub answers and whoever else writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubepreview.core.feedback import Draft
from kubepreview.core.model import Posted
from kubepreview.errors import KubepreviewError, Refused, Unreachable
from kubepreview.github.client import GitHub, RateLimited
from kubepreview.github.comments import Comments
from standin.faults import FAULTS, Fault
from standin.server import StandIn
from standin.world import READERS_TOKEN, STRANGERS_TOKEN, TOKEN
from tests.github.conftest import NUMBER, PLACE, REPOSITORY, client

_MARK = PLACE.mark
_FIRST, _SECOND = f"{_MARK}\ndeploying", f"{_MARK}\nready"


async def _put(asking: GitHub, text: str, known: int = 0, *, may_make: bool = True) -> int:
    draft = Draft(state="ready", sha="a" * 40, gist="", body={"body": text})
    return await Comments(asking).put(PLACE, draft, Posted(id=known), may_make=may_make)


def _bodies(github: StandIn) -> list[str]:
    return [each.body for each in github.said(REPOSITORY, NUMBER)]


async def test_it_is_made_once_and_then_edited(github: StandIn, folder: Path) -> None:
    """And a process that has forgotten its id finds it again."""
    async with client(github, folder) as asking:
        known = await _put(asking, _FIRST)
        assert await _put(asking, _SECOND, known) == known
        assert await _put(asking, _FIRST) == known

    assert _bodies(github) == [_FIRST]


async def test_one_that_somebody_deleted_is_made_again(github: StandIn, folder: Path) -> None:
    """It is what branch after branch looks for."""
    async with client(github, folder) as asking:
        known = await _put(asking, _FIRST)
        del github.comments[known]
        assert await _put(asking, _SECOND, known) != known

    assert _bodies(github) == [_SECOND]


async def test_it_is_found_among_hundreds_and_copies_are_left_alone(github: StandIn, folder: Path) -> None:
    """Page after page."""
    stranger, us = github.accounts[STRANGERS_TOKEN], github.accounts[TOKEN]
    for _ in range(230):
        github.say(REPOSITORY, NUMBER, stranger, _FIRST)
    mine = github.say(REPOSITORY, NUMBER, us, _FIRST)
    async with client(github, folder) as asking:
        assert await _put(asking, _SECOND) == mine.id

    assert _bodies(github) == [_FIRST] * 230 + [_SECOND]


async def test_of_two_one_stays(github: StandIn, folder: Path) -> None:
    """However it came to that."""
    us = github.accounts[TOKEN]
    first, _ = (github.say(REPOSITORY, NUMBER, us, _FIRST) for _ in range(2))
    async with client(github, folder) as asking:
        assert await _put(asking, _SECOND) == first.id

    assert _bodies(github) == [_SECOND]


async def test_an_answer_that_is_lost_doubles_nothing(github: StandIn, folder: Path) -> None:
    """Also where the list does not show yet what was made."""
    github.list_lag = 1
    async with client(github, folder) as asking:
        github.lost_writes = 1
        with pytest.raises(Unreachable, match="cannot be read"):
            await _put(asking, _FIRST)
        with pytest.raises(Unreachable, match="not known yet"):
            await _put(asking, _FIRST, may_make=False)
        await _put(asking, _SECOND, may_make=False)

    assert _bodies(github) == [_SECOND]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_changes_nothing(github: StandIn, folder: Path, fault: Fault) -> None:
    """It is an error, and afterwards all is as if it had not been."""
    async with client(github, folder, timeout_s=1) as asking:
        known = await _put(asking, _FIRST)
        github.fault = fault
        with pytest.raises(KubepreviewError) as told:
            await _put(asking, _SECOND, known)
        github.fault = None

    assert _bodies(github) == [_FIRST]
    assert TOKEN not in str(told.value)


async def test_who_may_only_read_is_told_what_is_missing(github: StandIn, folder: Path) -> None:
    """By the name of the permission."""
    (folder / "token").write_text(READERS_TOKEN)
    async with client(github, folder) as asking:
        with pytest.raises(Refused) as refused:
            await _put(asking, _FIRST)

    assert "Pull requests: write" in str(refused.value.hint)


async def test_after_a_limit_nobody_asks(github: StandIn, folder: Path) -> None:
    """Not a single request, for as long as GitHub said, whatever it is for."""
    async with client(github, folder) as asking:
        known = await _put(asking, _FIRST)
        github.fault = "429"
        with pytest.raises(RateLimited):
            await _put(asking, _SECOND, known)
        github.fault, asked = None, len(github.asked)
        with pytest.raises(RateLimited):
            await asking.get(f"/repos/{REPOSITORY}/pulls/{NUMBER}")

    assert len(github.asked) == asked
