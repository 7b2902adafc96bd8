"""What is known of the pull request: from options, from GitHub's event file, from git."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from msgspec import Struct, structs

from kubepreview.cli.caller import Caller
from kubepreview.cli.writing import Declared
from kubepreview.core import event
from kubepreview.core.event import Event
from kubepreview.core.wire import is_sha
from kubepreview.errors import InvalidInput, Refused

_GIT_S = 10
_BY_OPTION = "give it with --sha"


class Time(click.ParamType[dt.datetime]):
    """An RFC 3339 time with its offset."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        """Parse it, or tell how it is written."""
        try:
            return event.observed_at(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Facts(Struct, frozen=True, kw_only=True):
    """What the user said outright; the event file and git say the rest."""

    number: int | None
    sha: str | None
    observed_at: dt.datetime | None
    title: str | None
    author: str | None
    url: str | None
    from_fork: bool


def facts_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add NUMBER and the options that describe a pull request, passed as `facts` (Facts)."""

    @click.argument("number", required=False, type=click.IntRange(1))
    @click.option("--sha", help="The commit.  [default: the event's, or git's HEAD]")
    @click.option(
        "--observed-at",
        type=Time(),
        help="When the pull request was so.  [default: the event's updated_at, or now]",
    )
    @click.option("--title", help="The pull request's title.  [default: the event's]")
    @click.option("--author", help="Its author.  [default: the event's]")
    @click.option("--url", help="Its page.  [default: the event's]")
    @click.option("--from-fork", is_flag=True, help="It comes from a fork.  [default: as the event says]")
    @wraps(command)
    def with_facts(*args: Any, **given: Any) -> Any:
        words = {name: given.pop(name) for name in Facts.__struct_fields__}
        return command(*args, facts=Facts(**words), **given)

    return with_facts


def declared(facts: Facts, caller: Caller, root: Path) -> Declared:
    """Everything that `up` writes of the pull request."""
    found = _event(facts, caller)
    if found and found.is_closed:
        raise Refused(
            f"pull request {found.pull_request.number} is closed, the event says",
            hint="`kubepreview down` closes its preview",
        )
    return _declared(facts, found, _sha(facts.sha, found, root, caller))


def commit_of(sha: str | None, caller: Caller, root: Path) -> str:
    """The commit that is checked out: given, the event's, or git's HEAD."""
    return _sha(sha, _read_event(caller), root, caller)


def _sha(given: str | None, found: Event | None, root: Path, caller: Caller) -> str:
    sha = given or (found.revision.sha if found else _head(root, caller))
    if not is_sha(sha):
        raise InvalidInput(f"--sha: {sha!r} is not the full SHA of a commit: 40 or 64 hexadecimal digits")
    return sha


def declared_closed(facts: Facts, caller: Caller) -> Declared:
    """Everything that `down` writes of the pull request; the commit matters only to a record of nothing."""
    found = _event(facts, caller)
    return _declared(facts, found, facts.sha or (found.revision.sha if found else ""))


def number_of(number: int | None, caller: Caller) -> int:
    """The pull request's number, given or the event's."""
    if number is not None:
        return number
    found = _read_event(caller)
    if found is None:
        raise _no_number(caller)
    return found.pull_request.number


def is_closed(caller: Caller) -> bool:
    """Whether the event says that its pull request is closed."""
    found = _read_event(caller)
    if found is None:
        raise _no_number(caller)
    return found.is_closed


def expected_sha(number: int, caller: Caller) -> str | None:
    """The commit that the event is about, if it is about this pull request."""
    found = _read_event(caller)
    return found.revision.sha if found and found.pull_request.number == number else None


def _event(facts: Facts, caller: Caller) -> Event | None:
    found = _read_event(caller)
    if found is None:
        if facts.number is None:
            raise _no_number(caller)
        return None
    if facts.number not in (None, found.pull_request.number):
        # Another pull request than the event's: the event says nothing of it.
        return None
    return found


def _read_event(caller: Caller) -> Event | None:
    path = caller.environ.get("GITHUB_EVENT_PATH")
    if not caller.is_github_actions or not path:
        return None
    try:
        payload = Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"the event file {path} cannot be read: {error.strerror}") from error
    return event.read(payload, path)


def _no_number(caller: Caller) -> InvalidInput:
    if caller.is_github_actions:
        return InvalidInput(
            "which pull request? this event is not about one",
            hint="run on pull_request events, or give its number",
        )
    return InvalidInput("which pull request?", hint="give its number, as in `kubepreview up 7`")


def _declared(facts: Facts, found: Event | None, sha: str) -> Declared:
    known = found.pull_request if found else None
    number = facts.number or (known.number if known else 0)
    one = event.pull_request(
        number=number,
        title=_first(facts.title, known.title if known else None),
        author=_first(facts.author, known.author if known else None),
        url=_first(facts.url, known.url if known else None),
        from_fork=facts.from_fork or bool(known and known.from_fork),
    )
    if known:
        one = structs.replace(one, draft=known.draft, labels=known.labels, base=known.base)
    return Declared(
        pull_request=one,
        sha=sha,
        observed_at=facts.observed_at or (found.revision.observed_at if found else None),
    )


def _first(*words: str | None) -> str:
    return next((word for word in words if word is not None), "")


def _head(root: Path, caller: Caller) -> str:
    """The commit that is checked out."""
    command = ["git", "-C", str(root), "rev-parse", "--verify", "HEAD"]
    try:
        done = subprocess.run(  # noqa: S603  the user's own git, in the user's own repository
            command, env=dict(caller.environ), capture_output=True, text=True, timeout=_GIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InvalidInput(f"which commit? git could not be asked: {error}", hint=_BY_OPTION) from error
    if done.returncode != 0:
        raise InvalidInput(f"which commit? in {root}, git said: {done.stderr.strip()}", hint=_BY_OPTION)
    return done.stdout.strip()
