"""A client that nobody here wrote takes the stand-in for GitHub.

What it can do with it is what the product's own client does; where the two would need another GitHub, the
stand-in would be held to our own mistakes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from github import Auth, Github, GithubException, GithubIntegration
from github.Repository import Repository

from standin.server import StandIn
from standin.world import READERS_TOKEN, TOKEN, App
from tests.github.conftest import PEM, PUBLIC, REPOSITORY
from tests.github.foreign import theirs

_SHA = "d" * 40


def _repository(client: Github) -> Repository:
    return client.get_repo(REPOSITORY)


@pytest.fixture
def client(github: StandIn) -> Iterator[Github]:
    """PyGithub, with our account's token."""
    client = theirs(github, TOKEN)
    yield client
    client.close()


def test_pull_requests_are_listed_page_by_page_and_read(github: StandIn, client: Github) -> None:
    """By the links that GitHub puts into its answers."""
    at = dt.datetime(2026, 3, 4, tzinfo=dt.UTC)
    for number in range(8, 50):
        github.open(REPOSITORY, number, at, title=f"The {number}th", labels=("big",))
    listed = list(_repository(client).get_pulls(state="open"))
    one = _repository(client).get_pull(9)

    assert [each.number for each in listed] == list(range(49, 6, -1))
    assert (one.title, one.head.sha, one.base.ref) == ("The 9th", _SHA, "main")
    assert [label.name for label in one.labels] == ["big"]
    assert one.updated_at == at


def test_a_comment_is_made_found_edited_and_removed(github: StandIn, client: Github) -> None:
    """As the one that tells how a preview is."""
    pull = _repository(client).get_pull(7)
    made = pull.create_issue_comment("building")
    made.edit("ready")
    (found,) = pull.get_issue_comments()

    assert (found.id, found.body, found.user.login) == (made.id, "ready", client.get_user().login)
    found.delete()
    assert list(pull.get_issue_comments()) == []
    assert github.comments == {}


def test_a_deployment_is_made_and_told_of(github: StandIn, client: Github) -> None:
    """With its payload, and found by its commit."""
    repository = _repository(client)
    made = repository.create_deployment(
        _SHA, task="preview", environment="preview-7", payload={"preview": "x"}, auto_merge=False
    )
    made.create_status("success", environment_url="http://pr-7.example.com")
    (found,) = repository.get_deployments(sha=_SHA, environment="preview-7")

    assert (found.id, found.payload) == (made.id, {"preview": "x"})
    assert github.deployments[made.id].statuses[0]["state"] == "success"


def test_an_app_gets_a_token_for_its_repository_and_writes_a_check(github: StandIn) -> None:
    """With a key, and no account at all."""
    github.app = App(37, "Iv23abc", "kubepreview", PUBLIC, {REPOSITORY: 5})
    integration = GithubIntegration(auth=Auth.AppAuth(37, PEM), base_url=github.url, retry=None)
    owner, name = REPOSITORY.split("/")
    assert integration.get_repo_installation(owner, name).id == 5
    integration.close()


def test_who_may_not_write_is_told_so(github: StandIn) -> None:
    """In GitHub's way."""
    reader = theirs(github, READERS_TOKEN)
    with pytest.raises(GithubException) as refused:
        _repository(reader).get_pull(7).create_issue_comment("hello")
    assert refused.value.status == 403
    with pytest.raises(GithubException) as missing:
        _ = _repository(reader).get_pull(404).title
    assert missing.value.status == 404
    reader.close()
