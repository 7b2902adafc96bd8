"""What GitHub says of a pull request, and what follows from it. Every time is passed in.

A preview is closed on positive evidence only: GitHub itself answered, about this pull request of this
repository, that it is closed, merged or deleted. Any other answer, and none, is `Unread`: it changes
nothing, and when it has lasted for a while the preview's status says since when nothing is known.
"""

from __future__ import annotations

import datetime as dt
import re
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from msgspec import Struct

from kubepreview.core import event, selection, taking
from kubepreview.core.conditions import PULL_REQUEST_OPEN
from kubepreview.core.event import Event
from kubepreview.core.project_spec import PullRequestRules
from kubepreview.core.status import Said
from kubepreview.core.taking import Asked
from kubepreview.core.wire import Time

State = Literal["Open", "Closed", "Merged", "Deleted"]


class PullRequestRef(Struct, frozen=True, kw_only=True):
    """Which one. `repository` is owner/name; `url` is its page, if whoever asked for the preview said it."""

    repository: str
    number: int
    url: str = ""

    def __str__(self) -> str:
        return f"{self.repository}#{self.number}"


class Seen(Struct, frozen=True, kw_only=True):
    """What GitHub said. `changed_at`: the pull request's updated_at, which no later event is older than.

    `head`: the pull request as it is, with its newest commit; None for one that is over.
    """

    state: State
    changed_at: dt.datetime | None = None
    head: Event | None = None

    @property
    def is_over(self) -> bool:
        """Whether its preview has no reason to be any more."""
        return self.state != "Open"


class Unread(Struct, frozen=True, kw_only=True):
    """Nothing is known, and why."""

    why: str


class NotFound(Struct, frozen=True):
    """GitHub has no such pull request, or does not show it. What was deleted is told elsewhere."""


class _Repository(Struct, frozen=True):
    full_name: str


class _Base(Struct, frozen=True):
    repo: _Repository


class _PullRequest(Struct, frozen=True, kw_only=True):
    """The fields of GitHub's answer that decide. A field that is missing makes it no answer."""

    number: int
    state: Literal["open", "closed"]
    closed_at: Time | None
    merged_at: Time | None
    updated_at: Time
    base: _Base


def contradiction(asked: PullRequestRef) -> str:
    """Why it is not asked about: its page is another repository's than the project's. Empty if it is not."""
    page = rf"/{re.escape(asked.repository)}/pull/{asked.number}(?!\d)"
    if not asked.url or re.search(page, asked.url, re.IGNORECASE):
        return ""
    return f"its page is {asked.url}, and the project's repository is {asked.repository}"


def read(asked: PullRequestRef, code: int, body: bytes, *, has_moved: bool) -> Seen | Unread | NotFound:
    """What an answer to ``GET /repos/{owner}/{repo}/pulls/{number}`` says.

    `has_moved`: GitHub led on to another address, as it does for a repository that was renamed.
    """
    if code == HTTPStatus.NOT_FOUND:
        return NotFound()
    if code != HTTPStatus.OK:
        return _unexpected(asked, code)
    try:
        found = msgspec.json.decode(body, type=_PullRequest)
    except ValueError as error:
        return Unread(why=f"GitHub's answer about {asked} is none: {error}")
    return _seen(asked, found, event.read_one(body), has_moved=has_moved)


def _seen(
    asked: PullRequestRef, found: _PullRequest, head: Event | None, *, has_moved: bool
) -> Seen | Unread:
    name = found.base.repo.full_name
    if found.number != asked.number or (not has_moved and name.lower() != asked.repository.lower()):
        return Unread(why=f"GitHub answered about {name}#{found.number} when asked about {asked}")
    if found.state == "open":
        return Seen(state="Open", changed_at=found.updated_at, head=head)
    if found.closed_at is None:
        return Unread(why=f"GitHub says that {asked} is closed, and not since when")
    return Seen(state="Merged" if found.merged_at else "Closed", changed_at=found.updated_at)


def read_missing(asked: PullRequestRef, code: int) -> Seen | Unread:
    """What ``GET /repos/{owner}/{repo}/issues/{number}`` says of one that was not found.

    A pull request is an issue, too, and of a deleted issue GitHub answers 410; 404 is also its answer to
    whoever may not see a repository.
    """
    if code == HTTPStatus.GONE:
        return Seen(state="Deleted")
    if code in (HTTPStatus.NOT_FOUND, HTTPStatus.OK):
        return Unread(why=f"GitHub shows no pull request {asked}; the token may not see it")
    return _unexpected(asked, code)


def _unexpected(asked: PullRequestRef, code: int) -> Unread:
    return Unread(why=f"GitHub answered {code} when asked about {asked}")


def ends(observed_at: dt.datetime, seen: Seen) -> bool:
    """Whether the preview is to be closed for it: not if it was asked for with later knowledge than this.

    `observed_at`: the knowledge with which it was asked for.
    """
    return seen.is_over and (seen.changed_at is None or observed_at <= seen.changed_at)


def described(asked: Asked, seen: Seen, rules: PullRequestRules) -> dict[str, Any] | None:
    """The change of a spec whose pull request is not any more as it was when the preview was asked for.

    None where that does not decide whether it has a preview: a new title alone is not worth a write.
    """
    head = seen.head
    if head is None or head.revision.observed_at < asked.revision.observed_at:
        return None
    if not selection.matters(asked.pull_request, head.pull_request, rules):
        return None
    return taking.described(head, from_fork=asked.pull_request.from_fork)


def closing(observed_at: dt.datetime, seen: Seen) -> dict[str, Any]:
    """The change of the spec. It knows what GitHub knew, so that a deploy of before is refused then."""
    return {
        "state": "Closed",
        "stateReason": "PullRequestClosed",
        "revision": {"observedAt": msgspec.to_builtins(max(observed_at, seen.changed_at or observed_at))},
    }


class Standing(Struct, frozen=True, kw_only=True):
    """What is known of one: what GitHub said last and when, and since when and why nothing was said again."""

    seen: Seen | None = None
    seen_at: dt.datetime | None = None
    silent_since: dt.datetime | None = None
    why: str = ""

    def after(self, result: Seen | Unread, now: dt.datetime) -> Standing:
        """With one more attempt to read it."""
        if isinstance(result, Seen):
            return Standing(seen=result, seen_at=now)
        since = self.silent_since or self.seen_at or now
        return Standing(seen=self.seen, seen_at=self.seen_at, silent_since=since, why=result.why)


def told(
    standing: Standing,
    now: dt.datetime,
    patience: dt.timedelta,
    asked: str,
    *,
    held: str = "",
    is_kept: bool = False,
) -> Said | None:
    """What the preview's status says of it; None while nothing is to be said anew.

    `patience`: how long what was known holds without an answer. `asked`: the commit that is asked for, which
    may not be the head. `held`: why it is not closed although it should be. `is_kept`: it was asked for when
    that was already known.
    """
    if standing.silent_since and now - standing.silent_since >= patience:
        return Said(
            PULL_REQUEST_OPEN,
            "Unknown",
            "NoAnswer",
            f"unknown since {standing.silent_since:%F %T} UTC: {standing.why}",
        )
    if standing.seen is None or standing.silent_since:
        return None
    if not standing.seen.is_over:
        head = standing.seen.head.revision.sha if standing.seen.head else asked
        message = f"its head is {head}, which nobody has asked for yet" if head != asked else ""
        return Said(PULL_REQUEST_OPEN, "True", "Open", message)
    if held:
        return Said(PULL_REQUEST_OPEN, "False", standing.seen.state, f"the preview is not closed: {held}")
    if is_kept:
        return Said(
            PULL_REQUEST_OPEN, "False", standing.seen.state, "the preview was asked for after that, and stays"
        )
    return Said(PULL_REQUEST_OPEN, "False", standing.seen.state)
