"""What GitHub's answers mean, and that nothing but positive evidence ends a preview."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kubepreview.core.event import Event
from kubepreview.core.model import PullRequest, Revision
from kubepreview.core.pull_requests import (
    NotFound,
    PullRequestRef,
    Seen,
    Standing,
    Unread,
    closing,
    contradiction,
    described,
    ends,
    read,
    read_missing,
    told,
)
from kubepreview.core.status import Said

from .examples import NOW, OLD_SHA, SHA, preview, project

_ASKED = PullRequestRef(repository="acme/rapidrar", number=7)
_PATIENCE = dt.timedelta(minutes=6)
_AT = "2026-01-02T03:04:05Z"


def _body(state: str = "closed", **changed: Any) -> bytes:
    closed = _AT if state == "closed" else None
    answer = {
        "number": 7,
        "state": state,
        "closed_at": closed,
        "merged_at": None,
        "updated_at": _AT,
        "base": {"repo": {"full_name": "acme/rapidrar"}},
        "head": {"sha": SHA, "repo": {"full_name": "acme/rapidrar"}},
        "title": "Add a cart",
        "user": {"login": "ann"},
        "html_url": "https://github.com/acme/rapidrar/pull/7",
        "anything else": "is ignored",
    }
    return json.dumps({**answer, **changed}).encode()


_PULL_REQUEST = PullRequest(
    number=7, title="Add a cart", author="ann", url="https://github.com/acme/rapidrar/pull/7"
)
_HEAD = Event(pull_request=_PULL_REQUEST, revision=Revision(sha=SHA, observed_at=NOW), is_closed=False)


def _read(code: int, body: bytes, *, has_moved: bool = False) -> Seen | Unread | NotFound:
    return read(_ASKED, code, body, has_moved=has_moved)


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (_body("open"), Seen(state="Open", changed_at=NOW, head=_HEAD)),
        (_body("closed"), Seen(state="Closed", changed_at=NOW)),
        (_body("closed", merged_at=_AT), Seen(state="Merged", changed_at=NOW)),
        # What says all that decides is an answer, whatever else it lacks.
        (
            _body("open", base={"repo": {"full_name": "Acme/RapidRAR"}}, title=None),
            Seen(state="Open", changed_at=NOW),
        ),
    ],
)
def test_an_answer_that_says_all(body: bytes, seen: Seen) -> None:
    """State, and when the pull request was changed last."""
    assert _read(200, body) == seen


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (500, b""),
        (304, b""),
        (403, b"{}"),
        (200, b""),
        (200, b"[]"),
        (200, b"null"),
        (200, b"{}"),
        (200, b"<!DOCTYPE html>"),
        (200, _body("closed", closed_at=None)),
        (200, _body("merged")),
        (200, _body(number=8)),
        (200, _body(base={"repo": {"full_name": "acme/other"}})),
        (200, _body(updated_at="yesterday")),
        # Without an offset it is nobody's time.
        (200, _body(updated_at="2026-01-02T03:04:05")),
    ],
)
def test_an_answer_that_says_nothing(code: int, body: bytes) -> None:
    """Also one about another pull request, and one that contradicts itself."""
    assert isinstance(_read(code, body), Unread)


def test_a_renamed_repository_answers_under_its_new_name() -> None:
    """Only where GitHub itself led there."""
    body = _body(base={"repo": {"full_name": "acme/renamed"}})

    assert _read(200, body, has_moved=True) == Seen(state="Closed", changed_at=NOW)


@given(st.integers(0, len(_body()) - 1))
def test_half_of_an_answer_is_none(length: int) -> None:
    """Wherever the line is cut."""
    assert isinstance(_read(200, _body()[:length]), Unread)


@given(st.binary(max_size=200), st.integers(100, 599))
def test_no_noise_ends_a_preview(body: bytes, code: int) -> None:
    """Whatever comes."""
    found = _read(code, body)

    assert isinstance(found, Unread | NotFound)


@given(st.integers(0, len(_body("open")) - 1), st.binary(min_size=1, max_size=3))
def test_no_damaged_answer_about_an_open_one_ends_it(at: int, noise: bytes) -> None:
    """Some of it is still an answer, and says open."""
    body = _body("open")
    found = _read(200, body[:at] + noise + body[at + len(noise) :])

    assert not (isinstance(found, Seen) and found.is_over)


@pytest.mark.parametrize(
    ("url", "is_other"),
    [
        ("", False),
        ("https://github.com/acme/rapidrar/pull/7", False),
        ("https://github.example.com/Acme/RapidRAR/pull/7/files", False),
        ("https://github.com/acme/other/pull/7", True),
        ("https://github.com/acme/rapidrar/pull/77", True),
    ],
)
def test_another_repositorys_pull_request_is_not_asked_about(url: str, *, is_other: bool) -> None:
    """A project whose repository was written wrong closes nobody's preview."""
    asked = PullRequestRef(repository="acme/rapidrar", number=7, url=url)

    assert bool(contradiction(asked)) is is_other


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (410, Seen(state="Deleted")),
        (404, Unread(why="GitHub shows no pull request acme/rapidrar#7; the token may not see it")),
        (200, Unread(why="GitHub shows no pull request acme/rapidrar#7; the token may not see it")),
        (502, Unread(why="GitHub answered 502 when asked about acme/rapidrar#7")),
    ],
)
def test_what_is_not_found_was_deleted_only_if_github_says_so(code: int, found: Seen | Unread) -> None:
    """404 is also its answer to whoever may not see the repository."""
    assert _read(404, b"") == NotFound()
    assert read_missing(_ASKED, code) == found


@pytest.mark.parametrize(
    ("seen", "asked_at", "is_over"),
    [
        (Seen(state="Open", changed_at=NOW), NOW, False),
        (Seen(state="Closed", changed_at=NOW), NOW, True),
        (Seen(state="Merged", changed_at=NOW), NOW - dt.timedelta(hours=1), True),
        # Whoever asked knew more: it was reopened, and this answer is an old one.
        (Seen(state="Closed", changed_at=NOW), NOW + dt.timedelta(seconds=1), False),
        (Seen(state="Deleted"), NOW + dt.timedelta(days=9), True),
    ],
)
def test_later_knowledge_is_not_undone_by_earlier(
    seen: Seen, asked_at: dt.datetime, *, is_over: bool
) -> None:
    """Eventual consistency brings back what was."""
    assert ends(asked_at, seen) is is_over


def test_the_close_knows_what_github_knew() -> None:
    """A deploy of before the close is refused from then on; knowledge never goes back."""
    earlier = NOW - dt.timedelta(hours=1)

    assert closing(earlier, Seen(state="Merged", changed_at=NOW)) == {
        "state": "Closed",
        "stateReason": "PullRequestClosed",
        "revision": {"observedAt": _AT},
    }
    assert closing(NOW, Seen(state="Deleted"))["revision"] == {"observedAt": _AT}


def _after(*results: Seen | Unread, minutes: int = 2) -> Standing:
    """What is known after these, so many minutes apart."""
    standing = Standing()
    for number, result in enumerate(results):
        standing = standing.after(result, NOW + number * dt.timedelta(minutes=minutes))
    return standing


_OPEN, _MERGED = Seen(state="Open", changed_at=NOW, head=_HEAD), Seen(state="Merged", changed_at=NOW)
_NO = Unread(why="GitHub answered 502")


@pytest.mark.parametrize(
    ("standing", "minutes", "said"),
    [
        (Standing(), 60, None),
        (_after(_OPEN), 0, Said("PullRequestOpen", "True", "Open")),
        (_after(_MERGED), 0, Said("PullRequestOpen", "False", "Merged")),
        # What was known holds for a while, and then nothing is known, since it was known last.
        (_after(_OPEN, _NO), 2, None),
        (_after(_OPEN, _NO, _NO), 5, None),
        (
            _after(_OPEN, _NO, _NO),
            6,
            Said(
                "PullRequestOpen",
                "Unknown",
                "NoAnswer",
                "unknown since 2026-01-02 03:04:05 UTC: GitHub answered 502",
            ),
        ),
        (_after(_OPEN, _NO, _NO, _OPEN), 9, Said("PullRequestOpen", "True", "Open")),
        # Nothing was ever known.
        (_after(_NO), 1, None),
        (
            _after(_NO, _NO),
            7,
            Said(
                "PullRequestOpen",
                "Unknown",
                "NoAnswer",
                "unknown since 2026-01-02 03:04:05 UTC: GitHub answered 502",
            ),
        ),
    ],
)
def test_what_the_status_says(standing: Standing, minutes: int, said: Said | None) -> None:
    """The truth, or that it is unknown and since when."""
    assert told(standing, NOW + dt.timedelta(minutes=minutes), _PATIENCE, SHA) == said


def test_a_head_that_nobody_has_asked_for_is_told() -> None:
    """Its job may be building it still, or may have been lost; what is served is another commit."""
    ahead = told(_after(_OPEN), NOW, _PATIENCE, OLD_SHA)
    assert ahead == Said(
        "PullRequestOpen", "True", "Open", f"its head is {SHA}, which nobody has asked for yet"
    )


def _described(rules: dict[str, Any], *, at: dt.datetime = NOW, **now: Any) -> dict[str, Any] | None:
    """What is changed of a preview without labels when its pull request is like this by now."""
    asked = preview(pullRequest={"number": 7, "fromFork": True}).spec
    asked = replace(asked, revision=replace(asked.revision, observed_at=NOW))
    one = replace(_PULL_REQUEST, from_fork=True, **now)
    head = Event(pull_request=one, revision=Revision(sha=SHA, observed_at=at), is_closed=False)
    rules_ = project(pullRequests=rules).spec.pull_requests
    return described(asked, Seen(state="Open", changed_at=at, head=head), rules_)


def test_a_label_counts_without_a_push() -> None:
    """And it is known then with what GitHub knew; that it comes from a fork is not taken back."""
    later = NOW + dt.timedelta(seconds=1)
    change = _described({"labels": ["preview"]}, at=later, labels=("preview",))

    assert change is not None
    assert (change["pullRequest"]["labels"], change["pullRequest"]["fromFork"]) == (("preview",), True)
    assert change["revision"] == {"observedAt": "2026-01-02T03:04:06Z"}


def test_what_decides_nothing_is_not_written() -> None:
    """A title, a label that no rule names; and what was known before what is known now."""
    assert _described({}, title="Other", labels=("big",), draft=True) is None
    assert _described({"labels": ["preview"]}, labels=("big",)) is None
    earlier = NOW - dt.timedelta(seconds=1)
    assert _described({"labels": ["preview"]}, at=earlier, labels=("preview",)) is None


def test_why_it_is_not_closed_is_said() -> None:
    """The brake holds it, or somebody wanted it all the same."""
    held = told(_after(_MERGED), NOW, _PATIENCE, SHA, held="look first")
    kept = told(_after(_MERGED), NOW, _PATIENCE, SHA, is_kept=True)

    assert held == Said("PullRequestOpen", "False", "Merged", "the preview is not closed: look first")
    assert kept == Said(
        "PullRequestOpen", "False", "Merged", "the preview was asked for after that, and stays"
    )
