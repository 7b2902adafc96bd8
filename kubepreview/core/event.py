"""What GitHub says of a pull request, in an event file or a list: the facts, or all problems.

The payload is written by GitHub, but its words are the author's: they are cut to what the Preview holds.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from kubepreview.core.model import PullRequest, Revision
from kubepreview.core.wire import is_sha
from kubepreview.errors import InvalidInput, Problem

_MAX_TITLE: Final = 256
_MAX_AUTHOR: Final = 64
_MAX_URL: Final = 512
_MAX_LABEL: Final = 64
_MOST_LABELS: Final = 100
_MAX_BASE: Final = 256
_MAX_NUMBER: Final = 2_147_483_647
_URL = re.compile(r"https?://[!-~]*")
# Line ends, escapes and changes of direction: nothing of them belongs into one line of text.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


class Event(Struct, frozen=True, kw_only=True):
    """A pull request and its head, at the moment the event was sent."""

    pull_request: PullRequest
    revision: Revision
    is_closed: bool


def read(payload: bytes, file: str) -> Event | None:
    """The pull request of an event; None for an event that is about something else, like a push."""
    try:
        document = msgspec.json.decode(payload)
    except ValueError as error:
        raise InvalidInput(f"the event file {file} is not JSON: {error}") from error
    if not isinstance(document, dict) or not document.get("pull_request"):
        return None
    return _Reader(document, file).event()


def read_one(body: bytes) -> Event | None:
    """The pull request of an API answer; None for one that is not as GitHub describes it."""
    try:
        return next(iter(read_list(b"[" + body + b"]")), None)
    except ValueError:
        return None


def read_list(body: bytes) -> tuple[Event, ...]:
    """The pull requests of an API answer. Raises ValueError for anything else than a list of objects.

    One that is not as GitHub describes it is left out: of it nothing is known, and the others are right.
    """
    listed = msgspec.json.decode(body, type=tuple[dict[str, Any], ...])
    found = []
    for each in listed:
        with suppress(InvalidInput):
            found.append(_Reader({"pull_request": each}, "GitHub's answer").event())
    return tuple(found)


def one_line(text: str, limit: int) -> str:
    """The text on one line, cut to `limit` characters, the last of them an ellipsis."""
    line = _UNSEEN.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def pull_request(*, number: int, title: str, author: str, url: str, from_fork: bool) -> PullRequest:
    """A PullRequest whose words fit the Preview's schema, whatever they were."""
    return PullRequest(
        number=number,
        title=one_line(title, _MAX_TITLE),
        author=one_line(author, _MAX_AUTHOR),
        url=url if len(url) <= _MAX_URL and _URL.fullmatch(url) else "",
        from_fork=from_fork,
    )


class _Reader:
    """Takes fields of the payload, and notes those that are missing or are not what they should be."""

    def __init__(self, document: Mapping[str, Any], file: str) -> None:
        self._document = document
        self._file = file
        self._problems: list[Problem] = []

    def event(self) -> Event:
        number = self._take("pull_request.number", int)
        sha = self._take("pull_request.head.sha", str)
        updated_at = self._take("pull_request.updated_at", str)
        head, base = (self._repository(side) for side in ("head", "base"))
        declared = pull_request(
            number=number,
            title=self._take("pull_request.title", str),
            author=self._author(),
            url=self._take("pull_request.html_url", str),
            from_fork=head != base,
        )
        state = self._take("pull_request.state", str)
        if not self._problems:
            self._check(
                "pull_request.number", 1 <= number <= _MAX_NUMBER, f"{number} is no number of a pull request"
            )
            self._check("pull_request.head.sha", is_sha(sha), f"{sha!r} is not a full SHA")
        observed_at = self._time("pull_request.updated_at", updated_at)
        if self._problems or observed_at is None:
            raise InvalidInput(
                f"the event file {self._file} does not describe a pull request as GitHub does",
                problems=self._problems,
                hint="give the facts by --sha, --observed-at, --title and so on",
            )
        return Event(
            pull_request=self._with_traits(declared),
            revision=Revision(sha=sha, observed_at=observed_at),
            is_closed=state == "closed",
        )

    def _with_traits(self, declared: PullRequest) -> PullRequest:
        """With what decides whether it has a preview; what is not there, or is odd, decides nothing."""
        found = self._look("pull_request.labels")
        listed = found if isinstance(found, list) else ()
        names = [each.get("name") for each in listed if isinstance(each, dict)]
        labels = [one_line(each, _MAX_LABEL) for each in names if isinstance(each, str)]
        base = self._look("pull_request.base.ref")
        return structs.replace(
            declared,
            draft=self._look("pull_request.draft") is True,
            labels=tuple(labels[:_MOST_LABELS]),
            base=one_line(base, _MAX_BASE) if isinstance(base, str) else "",
        )

    def _author(self) -> str:
        # Of a deleted account there is null; GitHub itself shows it by this name.
        is_gone = self._look("pull_request.user") is None and "user" in self._document["pull_request"]
        return _GHOST if is_gone else self._take("pull_request.user.login", str)

    def _repository(self, side: str) -> str:
        # A fork that was deleted is null; it is still not the repository itself.
        found = self._look(f"pull_request.{side}.repo")
        return (
            "" if found is None and side == "head" else self._take(f"pull_request.{side}.repo.full_name", str)
        )

    def _look(self, path: str) -> Any:
        found: Any = self._document
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return found

    def _take(self, path: str, kind: type[Any]) -> Any:
        found = self._look(path)
        # A bool is an int to Python, and never to GitHub.
        if isinstance(found, kind) and not isinstance(found, bool):
            return found
        self._check(path, holds=False, what="is missing" if found is None else f"is not {_WORDS[kind]}")
        return kind()

    def _time(self, path: str, text: str) -> dt.datetime | None:
        try:
            return observed_at(text)
        except ValueError as error:
            self._check(path, holds=not text, what=str(error))
            return None

    def _check(self, path: str, holds: bool, what: str) -> None:  # noqa: FBT001  reads as a sentence
        if not holds:
            self._problems.append(Problem(where=f"{self._file}: {path}", what=what))


_GHOST: Final = "ghost"
_WORDS: Final = {int: "a number", str: "a text"}


def observed_at(text: str) -> dt.datetime:
    """An RFC 3339 time with its offset; ValueError for anything else."""
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(f"{text!r} is not a time with an offset, such as 2026-01-02T03:04:05Z")
    return time.astimezone(dt.UTC)
