"""What is read of a pull request from GitHub, and that a fault is never taken for an answer."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kubepreview.core import pull_requests
from kubepreview.core.pull_requests import NotFound, PullRequestRef, Seen, Unread
from kubepreview.errors import KubepreviewError, Refused, Unreachable
from kubepreview.github.client import GitHub, RateLimited
from standin.faults import FAULTS, Fault
from standin.server import StandIn, serving
from standin.world import TOKEN
from tests.github.conftest import AT, NUMBER, REPOSITORY, client

_ONE = PullRequestRef(repository=REPOSITORY, number=NUMBER)


async def _read(asking: GitHub, asked: PullRequestRef = _ONE) -> Seen | Unread:
    answer = await asking.get(f"/repos/{asked.repository}/pulls/{asked.number}")
    result = pull_requests.read(asked, answer.code, answer.body, has_moved=answer.has_moved)
    if isinstance(result, NotFound):
        answer = await asking.get(f"/repos/{asked.repository}/issues/{asked.number}")
        return pull_requests.read_missing(asked, answer.code)
    return result


async def test_each_state_is_read(github: StandIn, folder: Path) -> None:
    """Open, closed, merged and deleted, with the time of the last change."""
    later = AT + dt.timedelta(hours=1)
    seen = []
    async with client(github, folder) as asking:
        seen.append(await _read(asking))
        github.close(_ONE.repository, NUMBER, later)
        seen.append(await _read(asking))
        github.close(_ONE.repository, NUMBER, later, merged=True)
        seen.append(await _read(asking))
        github.delete(_ONE.repository, NUMBER)
        seen.append(await _read(asking))

    first = seen[0]
    assert isinstance(first, Seen)
    assert first.head
    assert first.head.revision.sha == "d" * 40
    assert seen == [
        Seen(state="Open", changed_at=AT, head=first.head),
        Seen(state="Closed", changed_at=later),
        Seen(state="Merged", changed_at=later),
        Seen(state="Deleted"),
    ]


async def test_what_has_not_changed_is_asked_for_and_not_sent_again(github: StandIn, folder: Path) -> None:
    """An answer that GitHub does not count."""
    async with client(github, folder) as asking:
        assert await _read(asking) == await _read(asking)

    assert github.not_modified == 1


async def test_a_renamed_repository_is_followed(github: StandIn, folder: Path) -> None:
    """GitHub leads to the new name."""
    github.moved[_ONE.repository] = f"{github.url}/repos/acme/renamed"
    github.close("acme/renamed", NUMBER, AT)

    async with client(github, folder) as asking:
        assert await _read(asking) == Seen(state="Closed", changed_at=AT)


async def test_nobody_else_gets_the_token(github: StandIn, folder: Path) -> None:
    """Led to another server, it is not followed."""
    with serving() as elsewhere:
        github.moved[_ONE.repository] = f"{elsewhere.url}/repos/acme/renamed"
        async with client(github, folder) as asking:
            with pytest.raises(Unreachable, match="another server"):
                await _read(asking)

    assert elsewhere.asked == []


async def test_what_is_not_there_is_unknown(github: StandIn, folder: Path) -> None:
    """GitHub answers so to whoever may not see it, too."""
    async with client(github, folder) as asking:
        found = await _read(asking, PullRequestRef(repository=_ONE.repository, number=8))

    assert isinstance(found, Unread)
    assert "may not see it" in found.why
    assert github.asked == ["/repos/acme/rapidrar/pulls/8", "/repos/acme/rapidrar/issues/8"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_no_answer(github: StandIn, folder: Path, fault: Fault) -> None:
    """Whatever is closed, and whatever was known before."""
    async with client(github, folder, timeout_s=1) as asking:
        await _read(asking)
        github.close(_ONE.repository, NUMBER, AT)
        github.fault = fault
        try:
            found: object = await _read(asking)
        except KubepreviewError as error:
            found = error

    assert isinstance(found, (Unread, Unreachable)), found
    assert TOKEN not in str(found)


@pytest.mark.parametrize("fault", ["429", "limit"])
async def test_a_limit_says_for_how_long(github: StandIn, folder: Path, fault: Fault) -> None:
    """As long as GitHub asks for."""
    github.fault = fault
    async with client(github, folder) as asking:
        with pytest.raises(RateLimited) as limited:
            await _read(asking)

    assert 0 < limited.value.pause_s <= 3


async def test_an_hour_of_looking_at_what_has_not_changed_costs_one_request(
    github: StandIn, folder: Path
) -> None:
    """What GitHub answers by 304 it does not count; and when all is spent, it says until when."""
    github.allowance.an_hours = 2
    async with client(github, folder) as asking:
        for _ in range(10):
            await _read(asking)
        github.open(_ONE.repository, NUMBER, AT, title="Amended")
        await _read(asking)
        with pytest.raises(RateLimited) as limited:
            await _read(asking)

    assert github.not_modified == 9
    assert 3500 < limited.value.pause_s <= 3600


@pytest.mark.parametrize("written", ["wrong", "", "two words", "schlüssel"])
async def test_a_token_that_is_none_is_told(github: StandIn, folder: Path, written: str) -> None:
    """And never sent on in a message."""
    (folder / "token").write_text(written)
    async with client(github, folder) as asking:
        with pytest.raises(Refused) as refused:
            await _read(asking)

    assert not written or written not in refused.value.message.replace(str(folder), "")


async def test_nobody_there_is_no_answer(folder: Path) -> None:
    """A port where nobody listens."""
    with serving() as nobody:
        pass
    async with client(nobody, folder) as asking:
        with pytest.raises(Unreachable, match="cannot be read"):
            await _read(asking)
