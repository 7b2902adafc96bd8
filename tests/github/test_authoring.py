"""Branches and pull requests as their authors change them, by a client of others; and webhooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from github import GithubException
from github.Repository import Repository

from kubepreview.core import hints
from standin.server import StandIn
from standin.webhooks import Webhook
from standin.world import TOKEN
from tests.github.conftest import NUMBER, REPOSITORY
from tests.github.foreign import theirs

_MAIN, _FIRST, _SECOND = "a" * 40, "b" * 40, "c" * 40


@pytest.fixture
def told(github: StandIn) -> list[str]:
    """What a webhook would be told."""
    told: list[str] = []
    github.branches[REPOSITORY, "main"] = _MAIN
    github.tell = lambda kind, _, number: told.append(f"{kind} {number}")
    return told


@pytest.fixture
def repository(github: StandIn, told: list[str]) -> Iterator[Repository]:
    """As somebody sees it who may write to it."""
    assert told == []
    client = theirs(github, TOKEN)
    yield client.get_repo(REPOSITORY)
    client.close()


def test_a_pull_request_follows_its_branch_until_it_is_closed(
    repository: Repository, told: list[str]
) -> None:
    """Opened, pushed to, closed, pushed to, reopened: its head is the branch's while it is open."""
    branch = repository.create_git_ref("refs/heads/ada/faster", _FIRST)
    number = repository.create_pull(base="main", head="ada/faster", title="Faster").number
    assert number == NUMBER + 1
    branch.edit(_SECOND)
    assert _seen(repository, number) == ("Faster", "open", _SECOND)
    repository.get_pull(number).edit(state="closed", title="Much faster")
    branch.edit(_FIRST, force=True)
    assert _seen(repository, number) == ("Much faster", "closed", _SECOND)
    repository.get_pull(number).edit(state="open")
    assert _seen(repository, number) == ("Much faster", "open", _FIRST)
    assert told == [
        f"pull_request.{each} {number}" for each in ("opened", "synchronize", "closed", "reopened")
    ]


def _seen(repository: Repository, number: int) -> tuple[str, str, str]:
    """The title, the state and the head of one; read at once, as the client asks only when it must."""
    pull = repository.get_pull(number)
    return pull.title, pull.state, pull.head.sha


def test_what_cannot_be_is_refused(repository: Repository, told: list[str]) -> None:
    """A branch twice, one that is not there, and a pull request of it."""
    repository.create_git_ref("refs/heads/faster", _FIRST)
    with pytest.raises(GithubException, match="already exists"):
        repository.create_git_ref("refs/heads/faster", _FIRST)
    with pytest.raises(GithubException, match="no branch slower"):
        repository.create_pull(base="main", head="slower", title="Slower")
    assert told == []


def test_a_delivery_is_signed_and_is_believed() -> None:
    """What the stand-in sends is what the product takes for GitHub's."""
    webhook = Webhook("http://kubepreview.example.com/github", "only GitHub knows it")
    request = webhook.request("pull_request.closed", REPOSITORY, NUMBER)
    body = request.read()

    assert request.headers["x-github-event"] == "pull_request"
    assert hints.is_signed(b"only GitHub knows it", body, request.headers["x-hub-signature-256"])
    assert hints.read(body) == hints.Hint(REPOSITORY, NUMBER)
