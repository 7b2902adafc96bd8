"""What is written on a pull request, when, and how often."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from kubepreview.core import feedback
from kubepreview.core.comment import State
from kubepreview.core.comments import Author, Comment, ours, read_comments
from kubepreview.core.feedback import Draft, Written, budget, draft, reads, wait_s
from standin.limits import Limits

from .examples import OLD_SHA, SHA, UID, preview

_AT = "2026-01-02T03:04:05Z"
_MARK = feedback.marker(UID, "pr-7")
_US = 101
_ACCOUNT, _APP = Author(account=_US), Author(app="37")


def _drafted(status: dict[str, Any] | None = None, **spec: Any) -> Draft:
    return draft(preview(status=status or {}, **spec), _MARK)


def _next(gist: str, state: State = "ready") -> Draft:
    return Draft(state=state, sha=SHA, gist=gist, body={})


def test_the_comment_begins_with_its_marker() -> None:
    """Which tells the cluster's project and the preview."""
    assert _drafted().body["body"].splitlines()[0] == f"<!-- kubepreview {UID}/pr-7 -->"


def test_a_detail_is_no_other_gist() -> None:
    """Another letter is, and makes another digest only."""
    waiting = {"type": "Ready", "status": "False", "reason": "Progressing", "lastTransitionTime": _AT}
    one, other = (
        _drafted({"conditions": [{**waiting, "observedGeneration": 1, "message": f"{ready} of 2 pods"}]})
        for ready in (0, 1)
    )

    assert one.gist == other.gist
    assert one.digest != other.digest


@pytest.mark.parametrize(
    "other",
    [
        {"revision": {"sha": OLD_SHA, "observedAt": _AT}},
        {"test": {"sha": SHA, "passed": False, "finishedAt": _AT}},
        {"state": "Closed"},
        {"status": {"served": {"sha": SHA, "since": _AT}}},
        {"status": {"failure": {"object": "Pod/a", "reason": "OOMKilled", "message": "m"}}},
    ],
)
def test_what_happens_is_another_gist(other: dict[str, Any]) -> None:
    """A push, a test, a close, an answer, a failure."""
    assert _drafted(**other).gist != _drafted().gist


def test_a_refused_artifact_is_news_and_a_missing_one_is_not() -> None:
    """The author can mend the one; the other is on its way."""
    said = {"type": "ArtifactTaken", "status": "False", "message": "why", "lastTransitionTime": _AT}
    refused, missing = (
        _drafted(status={"conditions": [{**said, "reason": reason}]}) for reason in ("Refused", "NotFound")
    )
    assert missing.gist == _drafted().gist != refused.gist


@pytest.mark.parametrize(
    ("of", "last", "now", "waits"),
    [
        (_next("a"), None, 100.0, 0.0),
        (_next("b"), Written(gist="a", at=99.0, since=50.0), 100.0, 0.0),
        (_next("a"), Written(gist="a", at=90.0, since=90.0), 100.0, 20.0),
        (_next("a"), Written(gist="a", at=90.0, since=10.0), 100.0, 70.0),
        (_next("a"), Written(gist="a", at=10.0, since=10.0), 100.0, 0.0),
        (_next("b", "closing"), Written(gist="a", at=95.0, since=50.0), 100.0, 5.0),
        (_next("c", "closed"), Written(gist="a", at=95.0, since=50.0), 100.0, 0.0),
    ],
)
def test_news_go_at_once_and_details_wait(of: Draft, last: Written | None, now: float, waits: float) -> None:
    """Ever longer, the longer nothing happens; what is over in a moment waits for what follows."""
    assert wait_s(of, last, now) == waits


def _comment(known: int, body: str | None, author: int | None = _US) -> Comment:
    found = {"id": known, "body": body, "user": None if author is None else {"id": author}}
    return msgspec.convert(found, Comment)


def test_only_what_we_wrote_is_ours() -> None:
    """Not a copy of it, not a quotation, not a longer name, and not somebody's whose account is gone."""
    comments = [
        _comment(1, f"{_MARK}\nstolen", author=7),
        _comment(2, f"> {_MARK}\nquoted"),
        _comment(3, f"first this\n{_MARK}\n"),
        _comment(4, feedback.marker(UID, "pr-70")),
        _comment(5, None),
        _comment(6, f"{_MARK}\nours"),
        _comment(7, f"{_MARK}\r\nours, as a browser sent it"),
        _comment(8, f"{_MARK}\n", author=None),
        _comment(9, f"{_MARK} and more\n"),
    ]

    assert ours(comments, _MARK, _ACCOUNT) == (6, 7)


@pytest.mark.parametrize(
    ("login", "via", "is_ours"),
    [
        ("kubepreview[bot]", {"id": 37, "slug": "kubepreview"}, True),
        ("kubepreview[bot]", {"id": 38, "slug": "kubepreview"}, False),
        ("kubepreview[bot]", None, False),
        ("mallory", {"id": 37, "slug": "kubepreview"}, False),
    ],
)
def test_an_app_is_known_by_its_id(login: str, via: Any, is_ours: bool) -> None:  # noqa: FBT001 — a case
    """Not by its name, and not where somebody writes through it."""
    found = {"id": 1, "body": _MARK, "user": {"id": 9, "login": login}, "performed_via_github_app": via}

    assert ours([msgspec.convert(found, Comment)], _MARK, _APP) == ((1,) if is_ours else ())


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"<html>", b'[{"body": "a"}]', b"\xff"])
def test_what_is_no_list_is_none(body: bytes) -> None:
    """Half an answer is no answer."""
    with pytest.raises(ValueError, match=r"JSON|Expected|Object|utf-8"):
        read_comments(body)


def test_what_is_asked_stays_below_githubs_limits_whatever_comes() -> None:
    """An hour of a hundred pushes a minute, each wanting two writes, and endless reads, after rest."""
    clock = [3600.0]
    limits = Limits(now=lambda: clock[0])
    writes, looks = budget(0.0), reads(0.0)
    rng = random.Random(5)  # noqa: S311 - repeatable, not secret
    taken = read = 0
    while clock[0] < 2 * 3600:
        clock[0] += rng.expovariate(200 / 60)
        if writes.take(clock[0]):
            taken += 1
            limits.is_over("PATCH")
        while looks.take(clock[0]):
            read += 1
            limits.is_over("GET")

    assert limits.hits == 0
    assert taken > 400
    assert read > 60 * 340


def test_who_reserves_waits_in_turn() -> None:
    """However many come at once, each goes when there is room for it."""
    looks = reads(0.0)
    waits = [looks.reserve(0.0) for _ in range(450)]

    assert waits[:100] == [0.0] * 100
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(60.0)


def test_what_was_not_written_may_be_written_by_others() -> None:
    """A Deployment that needs one write, and takes three to be sure, costs one; and nothing is won."""
    writes = budget(0.0)
    for _ in range(29):
        assert writes.take(0.0, 3)
        writes.give_back(1)
    assert writes.take(0.0, 2)
    assert not writes.take(0.0)
    writes.give_back(-2)
    assert not writes.take(0.0)
