"""The open pull requests of a repository, each with its head, from a stand-in that pages as GitHub does."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kubepreview.core.event import Event
from kubepreview.errors import Unreachable
from kubepreview.github.listing import changed_files, open_pull_requests
from standin.faults import FAULTS, Fault
from standin.server import StandIn
from standin.world import PullRequest
from tests.github.conftest import client

_REPOSITORY = "acme/shop"
_OPENED = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


async def _list(github: StandIn, folder: Path) -> tuple[Event, ...]:
    async with client(github, folder, timeout_s=1) as asking:
        return await open_pull_requests(asking, _REPOSITORY)


async def test_each_open_one_is_there_as_an_event_would_tell_it(github: StandIn, folder: Path) -> None:
    """With its head, and what decides whether it has a preview; those that are over are not."""
    github.pulls[_REPOSITORY, 7] = PullRequest(
        updated_at=_OPENED,
        head="a" * 40,
        title="Add\ta cart",
        author="ann",
        is_draft=True,
        labels=("preview",),
        base="release/2",
        head_repository="ann/shop",
    )
    github.close(_REPOSITORY, 8, _OPENED)
    github.open("acme/other", 9, _OPENED)
    (found,) = await _list(github, folder)
    one = found.pull_request
    assert (one.number, one.title, one.author, one.url) == (
        7,
        "Add a cart",
        "ann",
        f"https://github.com/{_REPOSITORY}/pull/7",
    )
    assert (one.draft, one.labels, one.base, one.from_fork) == (True, ("preview",), "release/2", True)
    assert (found.revision.sha, found.revision.observed_at) == ("a" * 40, _OPENED)


async def test_a_long_list_has_pages(github: StandIn, folder: Path) -> None:
    """And every one of them is read."""
    for number in range(1, 66):
        github.open(_REPOSITORY, number, _OPENED)
    found = await _list(github, folder)
    assert sorted(each.pull_request.number for each in found) == list(range(1, 66))


# An empty list is a list: nothing is written for what is not in it, and nothing is closed either.
@pytest.mark.parametrize("fault", sorted({*FAULTS} - {"an empty list"}))
async def test_a_fault_is_never_an_empty_list(github: StandIn, folder: Path, fault: Fault) -> None:
    """Whoever took it for one would believe that nothing is open."""
    github.open(_REPOSITORY, 7, _OPENED)
    github.fault = fault
    with pytest.raises(Unreachable):
        await _list(github, folder)


async def test_the_files_of_one_are_read_to_the_last(github: StandIn, folder: Path) -> None:
    """Page by page; and of more than GitHub lists nothing is said."""
    some = tuple(f"src/{number}.py" for number in range(120))
    github.open(_REPOSITORY, 7, _OPENED, files=some)
    github.open(_REPOSITORY, 8, _OPENED, files=some * 30)
    async with client(github, folder) as asking:
        assert await changed_files(asking, _REPOSITORY, 7) == some
        assert await changed_files(asking, _REPOSITORY, 8) is None
        with pytest.raises(Unreachable):
            await changed_files(asking, _REPOSITORY, 9)
