"""GitHub's event file: the facts it gives, and what is told of one that gives none."""

from __future__ import annotations

import copy
import datetime as dt
import json
from typing import Any

import pytest

from kubepreview.core import event
from kubepreview.core.model import PullRequest, Revision
from kubepreview.errors import InvalidInput

SHA = "a" * 40
PAYLOAD: dict[str, Any] = {
    "action": "synchronize",
    "number": 7,
    "pull_request": {
        "number": 7,
        "state": "open",
        "title": "Read RAR5",
        "html_url": "https://github.com/acme/rapidrar/pull/7",
        "updated_at": "2026-01-02T03:04:05Z",
        "user": {"login": "ada"},
        "head": {"sha": SHA, "repo": {"full_name": "acme/rapidrar"}},
        "base": {"repo": {"full_name": "acme/rapidrar"}},
    },
}


def changed(path: str, value: Any) -> bytes:
    """The payload with one field changed; None takes it away."""
    payload = copy.deepcopy(PAYLOAD)
    *steps, last = path.split(".")
    holder = payload["pull_request"]
    for step in steps:
        holder = holder[step]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    return json.dumps(payload).encode()


def read(payload: bytes) -> event.Event:
    """The event, which must be about a pull request."""
    found = event.read(payload, "event.json")
    assert found is not None
    return found


def test_the_event_gives_what_decides_whether_there_is_a_preview() -> None:
    """Draft, labels and the branch that it goes into, on one line each."""
    payload = copy.deepcopy(PAYLOAD)
    payload["pull_request"] |= {"draft": True, "labels": [{"name": "a\u202eb"}, {"name": "c"}]}
    payload["pull_request"]["base"]["ref"] = "release/1"
    found = read(json.dumps(payload).encode()).pull_request

    assert (found.draft, found.labels, found.base) == (True, ("a b", "c"), "release/1")


@pytest.mark.parametrize("odd", [None, "x", 7, {"a": 1}, [None, 7, {"name": 8}, {}]])
def test_odd_labels_decide_nothing(odd: Any) -> None:
    """They are not what GitHub sends."""
    found = read(changed("labels", odd) if odd is not None else changed("title", "t"))

    assert found.pull_request.labels == ()


def test_the_event_gives_every_fact() -> None:
    """Number, commit, time, title, author and page are what GitHub sent."""
    assert read(json.dumps(PAYLOAD).encode()) == event.Event(
        pull_request=PullRequest(
            number=7, title="Read RAR5", author="ada", url="https://github.com/acme/rapidrar/pull/7"
        ),
        revision=Revision(sha=SHA, observed_at=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
        is_closed=False,
    )


@pytest.mark.parametrize("head", ["mallory/rapidrar", None])
def test_another_repository_is_a_fork(head: str | None) -> None:
    """A head in another repository, or in one that was deleted, is a fork."""
    repo = {"full_name": head} if head else "null"
    payload = changed("head.repo", repo).replace(b'"null"', b"null")

    assert read(payload).pull_request.from_fork


def test_a_closed_pull_request_says_so() -> None:
    """`up` needs to know."""
    assert read(changed("state", "closed")).is_closed


@pytest.mark.parametrize("payload", [b"{}", b"[]", b'{"ref": "refs/heads/main"}', b'{"pull_request": null}'])
def test_other_events_are_about_no_pull_request(payload: bytes) -> None:
    """A push or a schedule gives no facts, and is no error."""
    assert event.read(payload, "event.json") is None


@pytest.mark.parametrize(
    "path", ["number", "head.sha", "updated_at", "title", "user.login", "html_url", "base.repo", "state"]
)
def test_a_missing_field_is_told_by_its_path(path: str) -> None:
    """Nothing is made up for a field that is not there."""
    with pytest.raises(InvalidInput) as raised:
        read(changed(path, None))

    assert any(f"event.json: pull_request.{path}" in problem.where for problem in raised.value.problems)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("number", "7"),
        ("number", True),
        ("number", 0),
        ("number", 2**31),
        ("head.sha", "abc"),
        ("head.sha", "A" * 40),
        ("updated_at", "yesterday"),
        ("updated_at", "2026-01-02T03:04:05"),
        ("title", 7),
    ],
)
def test_a_field_of_another_shape_is_told(path: str, value: Any) -> None:
    """What GitHub would never send is refused, with its path."""
    with pytest.raises(InvalidInput) as raised:
        read(changed(path, value))

    assert [problem.where for problem in raised.value.problems] == [f"event.json: pull_request.{path}"]


def test_all_missing_fields_are_told_at_once() -> None:
    """An empty pull request gives a problem for each field."""
    with pytest.raises(InvalidInput) as raised:
        event.read(b'{"pull_request": {"x": 1}}', "event.json")

    assert len(raised.value.problems) >= 7


def test_hostile_words_are_cut_to_what_the_preview_holds() -> None:
    """A title of a million characters with escapes and line ends becomes one bounded line."""
    payload = json.loads(changed("title", "a\nb\x1b[31m\u202e" + "x" * 1_000_000))
    payload["pull_request"]["user"]["login"] = "y" * 1000
    payload["pull_request"]["html_url"] = "javascript:alert(1)"

    found = read(json.dumps(payload).encode()).pull_request

    assert found.title.startswith("a b [31m x")
    assert (len(found.title), found.title[-1]) == (256, "…")
    assert len(found.author) == 64
    assert found.url == ""


@pytest.mark.parametrize("payload", [b"", b"{", b'{"pull_request": {"title": "\\ud800"}}', b"\xff"])
def test_a_file_that_is_not_json_is_told(payload: bytes) -> None:
    """A damaged file is the input's fault, never a crash."""
    with pytest.raises(InvalidInput, match=r"event\.json"):
        event.read(payload, "event.json")
