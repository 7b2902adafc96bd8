"""The page of a pull request: what it shows, what can be done on it, and what a comment cannot do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette

from standin.page import Pages
from standin.server import StandIn
from standin.world import STRANGERS_TOKEN, TOKEN
from tests.github.conftest import NUMBER, REPOSITORY

_PAGE = f"/{REPOSITORY}/pull/{NUMBER}"
_SITE = "http://github.localhost"


@pytest.fixture
def told(github: StandIn) -> list[str]:
    """What a webhook would be told."""
    told: list[str] = []
    github.tell = lambda kind, _, number: told.append(f"{kind} {number}")
    return told


@pytest.fixture
async def browser(github: StandIn) -> AsyncIterator[httpx2.AsyncClient]:
    """Asks the pages as a browser would."""
    app = Starlette(routes=Pages(github, github.accounts[STRANGERS_TOKEN]).routes())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=_SITE) as client:
        yield client


async def test_a_comment_is_shown_as_markdown(github: StandIn, browser: httpx2.AsyncClient) -> None:
    """Its table and its code; its invisible first line is not to be seen."""
    link = "http://pr-7.localhost:8080/"
    body = f"### Preview of `abc1234`: ready\n\n| | |\n| --- | --- |\n| Link | {link} |\n"
    github.say(REPOSITORY, NUMBER, github.accounts[TOKEN], f"<!-- kubepreview 1 -->\n{body}")
    page = (await browser.get(_PAGE)).text

    assert "<h3>Preview of <code>abc1234</code>: ready</h3>" in page
    assert f'<td>Link</td>\n<td><a href="{link}">{link}</a></td>' in page
    assert "kubepreview-bot" in page
    assert (await browser.get("/")).text.count(f"href='{_PAGE}'") == 1


async def test_the_deployment_of_a_pull_request_has_its_link(
    github: StandIn, browser: httpx2.AsyncClient
) -> None:
    """Of this one, and of none that has its number elsewhere."""
    client = httpx2.Client(
        base_url=github.url, headers={"authorization": f"Bearer {TOKEN}", "user-agent": "x"}
    )
    with client:
        for environment in (f"preview-{NUMBER}", "preview-8"):
            wanted = {"ref": "d" * 40, "environment": environment}
            made = client.post(f"/repos/{REPOSITORY}/deployments", json=wanted).json()
            status = {"state": "success", "environment_url": f"http://{environment}.example.com"}
            client.post(f"/repos/{REPOSITORY}/deployments/{made['id']}/statuses", json=status)
    page = (await browser.get(_PAGE)).text

    assert "http://preview-7.example.com" in page
    assert "preview-8" not in page


async def test_who_looks_at_it_comments_closes_and_reopens(
    github: StandIn, browser: httpx2.AsyncClient, told: list[str]
) -> None:
    """As one account; and GitHub tells of each."""
    pull = github.pulls[REPOSITORY, NUMBER]
    answer = await browser.post(_PAGE, data={"comment": "/preview sleep"})
    await browser.post(_PAGE, data={"comment": "", "state": "closed"})
    closed = github.pulls[REPOSITORY, NUMBER].state
    await browser.post(_PAGE, data={"state": "closed"})
    await browser.post(_PAGE, data={"state": "open"})

    assert (answer.status_code, answer.headers["location"]) == (303, _PAGE)
    assert [(each.author.login, each.body) for each in github.said(REPOSITORY, NUMBER)] == [
        ("stranger", "/preview sleep")
    ]
    assert (closed, github.pulls[REPOSITORY, NUMBER].state) == ("closed", "open")
    assert github.pulls[REPOSITORY, NUMBER].head == pull.head
    told_of = ("issue_comment.created", "pull_request.closed", "pull_request.reopened")
    assert told == [f"{each} {NUMBER}" for each in told_of]


async def test_a_preview_cannot_act_through_the_page(browser: httpx2.AsyncClient, told: list[str]) -> None:
    """Neither by a form of its own, nor by what it gets into a comment, nor in a frame."""
    theirs = {"origin": "http://pr-1.rapidrar.localhost"}
    refused = await browser.post(_PAGE, data={"comment": "/preview approve"}, headers=theirs)
    ours = await browser.post(_PAGE, data={"comment": "hello"}, headers={"origin": _SITE})
    policy = (await browser.get(_PAGE)).headers["content-security-policy"]

    assert (refused.status_code, ours.status_code) == (403, 303)
    assert told == [f"issue_comment.created {NUMBER}"]
    for words in ("default-src 'none'", "script-src 'sha256-", "frame-ancestors 'none'"):
        assert words in policy


async def test_bad_requests_are_refused(browser: httpx2.AsyncClient) -> None:
    """A pull request that is not there, and a comment that is a book."""
    assert (await browser.get(f"/{REPOSITORY}/pull/404")).status_code == 404
    assert (await browser.post(_PAGE, data={"comment": "x" * 70_000})).status_code == 413
