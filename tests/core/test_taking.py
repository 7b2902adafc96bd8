"""What the controller does for an open pull request whose artifacts it takes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from kubepreview.core import taking
from kubepreview.core.artifact import Bundle
from kubepreview.core.event import Event
from kubepreview.core.model import Entry, PreviewSpec, PullRequest, Revision

_AT = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
_LATER = _AT + dt.timedelta(seconds=1)
_A, _B = "a" * 40, "b" * 40
_REPOSITORY = "ghcr.io/acme/shop-previews"
_PULL_REQUEST = PullRequest(number=7, title="Add a cart", author="ann", draft=True, labels=("x",))
_WEB = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
_BUNDLE = Bundle(sha=_A, entry=Entry(service="web", port=80), manifests=(_WEB,))
_DIGEST = f"{_REPOSITORY}@sha256:{'0' * 64}"


def _head(sha: str = _A, at: dt.datetime = _AT, **changes: Any) -> Event:
    return Event(
        pull_request=replace(_PULL_REQUEST, **changes),
        revision=Revision(sha=sha, observed_at=at),
        is_closed=False,
    )


def _spec(content: dict[str, Any]) -> PreviewSpec:
    return msgspec.convert(content, PreviewSpec)


_AWAITED = _spec(taking.announced("shop", _REPOSITORY, _head()))
_TAKEN = _spec(taking.taken("shop", _DIGEST, _head(), _BUNDLE))
_CLOSED = replace(_TAKEN, state="Closed", state_reason="PullRequestClosed")


@pytest.mark.parametrize(
    ("asked", "head", "step"),
    [
        (None, _head(), "Announce"),
        (_AWAITED, _head(), "Take"),
        (_AWAITED, _head(_B, _LATER), "Announce"),
        (_AWAITED, _head(at=_LATER, title="Add a basket"), "Announce"),
        (_TAKEN, _head(), "Nothing"),
        (_TAKEN, _head(at=_LATER), "Nothing"),
        (_TAKEN, _head(_B, _LATER), "Take"),
        (_TAKEN, _head(at=_LATER, draft=False), "Describe"),
        (_TAKEN, _head(at=_LATER, labels=()), "Describe"),
        # A list of before says nothing new.
        (_TAKEN, _head(_B, _AT - dt.timedelta(seconds=1)), "Nothing"),
        # Closed with its pull request, and open again with it.
        (_CLOSED, _head(), "Nothing"),
        (_CLOSED, _head(at=_LATER), "Announce"),
        # Closed by a person, or by time: a push opens it, and a comment does not.
        (replace(_CLOSED, state_reason="Requested"), _head(at=_LATER), "Nothing"),
        (replace(_CLOSED, state_reason="Expired"), _head(at=_LATER), "Nothing"),
        (replace(_CLOSED, state_reason="Requested"), _head(_B, _LATER), "Announce"),
        (replace(_CLOSED, state_reason="Expired"), _head(_B, _LATER), "Announce"),
        # What somebody asked for by hand gives way to the next commit.
        (replace(_TAKEN, artifact=""), _head(), "Nothing"),
        (replace(_TAKEN, artifact=""), _head(_B, _LATER), "Take"),
    ],
)
def test_each_step_brings_the_preview_to_the_pull_request(
    asked: PreviewSpec | None, head: Event, step: taking.Step
) -> None:
    """One row for each that there is."""
    assert taking.step(asked, head) == step


@pytest.mark.parametrize("asked", [None, _AWAITED, _TAKEN, _CLOSED])
def test_step_by_step_it_comes_to_an_end(asked: PreviewSpec | None) -> None:
    """In no more steps than there are kinds of them; then nothing is left to be done."""
    head = _head(_B, _LATER, draft=False)
    for _ in range(3):
        match taking.step(asked, head):
            case "Announce":
                asked = _spec(taking.announced("shop", _REPOSITORY, head))
            case "Take":
                asked = _spec(taking.taken("shop", _DIGEST, head, replace(_BUNDLE, sha=_B)))
    assert taking.step(asked, head) == "Nothing"
    assert asked is not None
    assert (asked.state, asked.revision.sha, asked.pull_request) == ("Open", _B, head.pull_request)


def test_a_description_says_what_is_not_so_any_more() -> None:
    """A change that left out what is false would leave it true."""
    changed = taking.described(_head(draft=False, labels=(), title=""))["pullRequest"]
    assert (changed["draft"], changed["labels"], changed["title"]) == (False, (), "")


def test_a_registry_is_asked_less_and_less_often() -> None:
    """Soon while a build may end any moment, never less often than the interval."""
    pauses = [taking.again_after_s(waited_s, 120) for waited_s in (0, 10, 60, 600, 86400)]
    assert pauses == [2, 2, 6, 60, 120]
