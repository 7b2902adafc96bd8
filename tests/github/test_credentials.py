"""A GitHub App asks with tokens that it gets for one repository, and with nothing else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kubepreview.core.feedback import Draft
from kubepreview.core.model import Posted
from kubepreview.errors import KubepreviewError, Refused
from kubepreview.github.comments import Comments
from standin.faults import FAULTS, Fault
from standin.server import StandIn
from standin.world import TOKEN, App
from tests.github.conftest import AT, NUMBER, PLACE, PUBLIC, REPOSITORY, client

_DRAFT = Draft(state="ready", sha="", gist="", body={"body": PLACE.mark})
_PULL = f"/repos/{REPOSITORY}/pulls/{NUMBER}"
_INSTALLATION = f"/repos/{REPOSITORY}/installation"


@pytest.mark.parametrize("known_as", ["37", "Iv23abc"])
async def test_it_gets_one_token_for_its_repository_and_keeps_it(
    github: StandIn, app: Path, known_as: str
) -> None:
    """By its id or its client id; it asks once."""
    (app / "app-id").write_text(known_as)
    async with client(github, app) as asking:
        answers = [await asking.get(_PULL) for _ in range(3)]

    assert [each.code for each in answers] == [200] * 3
    assert github.asked.count(_INSTALLATION) == 1
    (token,) = [each for each in github.accounts.values() if each.app]
    assert token.repositories == frozenset({REPOSITORY})
    used = ("pull_requests", "deployments", "checks")
    assert token.permissions == {f"{name}:{grade}" for name in used for grade in ("read", "write")}


async def test_it_comments_as_itself(github: StandIn, app: Path) -> None:
    """And finds its comment again."""
    async with client(github, app) as asking:
        saying = Comments(asking)
        drafts = [
            Draft(state="ready", sha="", gist="", body={"body": f"{PLACE.mark}\n{n}"}) for n in range(2)
        ]
        known = [await saying.put(PLACE, each, Posted(), may_make=True) for each in drafts]

    assert known[0] == known[1]
    assert [each.author.login for each in github.said(REPOSITORY, NUMBER)] == ["kubepreview[bot]"]


async def test_a_token_that_is_not_taken_any_more_is_replaced(github: StandIn, app: Path) -> None:
    """The request fails, and the next has a new one."""
    async with client(github, app) as asking:
        await asking.get(_PULL)
        github.accounts = {}
        with pytest.raises(Refused):
            await asking.get(_PULL)
        assert (await asking.get(_PULL)).code == 200


async def test_it_asks_about_no_repository_where_it_is_not_installed(github: StandIn, app: Path) -> None:
    """And says what is to be done."""
    github.open("acme/other", 1, AT)
    async with client(github, app) as asking:
        with pytest.raises(Refused) as refused:
            await asking.get("/repos/acme/other/pulls/1")

    assert "install the App" in str(refused.value.hint)


async def test_one_that_may_only_read_reads(github: StandIn, app: Path) -> None:
    """It asks for no more than it was given, and is told what is missing when it writes."""
    github.app = App(37, "Iv23abc", "kubepreview", PUBLIC, {REPOSITORY: 5}, {"pull_requests": "read"})
    async with client(github, app) as asking:
        answer = await asking.get(_PULL)
        with pytest.raises(Refused) as refused:
            await Comments(asking).put(PLACE, _DRAFT, Posted(), may_make=True)

    assert answer.code == 200
    assert "Pull requests: write" in str(refused.value.hint)


@pytest.mark.parametrize("late_s", [-3600, 3600])
async def test_a_clock_that_is_wrong_is_refused(github: StandIn, app: Path, late_s: int) -> None:
    """As GitHub does it."""
    async with client(github, app) as asking:
        real = github.now
        github.now = lambda: real() + dt.timedelta(seconds=late_s)
        with pytest.raises(Refused, match="does not take the token"):
            await asking.get(_PULL)


@pytest.mark.parametrize("written", ["", "no key", PUBLIC, "-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END"])
async def test_a_key_that_is_none_is_told(github: StandIn, app: Path, written: str) -> None:
    """And not shown."""
    (app / "private-key").write_text(written)
    async with client(github, app) as asking:
        with pytest.raises(Refused) as refused:
            await asking.get(_PULL)

    assert not written or written not in str(refused.value)
    assert github.asked == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_on_the_way_to_a_token_is_an_error(github: StandIn, app: Path, fault: Fault) -> None:
    """No answer about the pull request comes out of it, and it passes."""
    async with client(github, app, timeout_s=1) as asking:
        github.fault = fault
        with pytest.raises(KubepreviewError):
            await asking.get(_PULL)


async def test_a_token_in_the_folder_goes_first(github: StandIn, app: Path) -> None:
    """Where both lie there."""
    (app / "token").write_text(TOKEN)
    async with client(github, app) as asking:
        await asking.get(_PULL)

    assert github.asked == [_PULL]
