"""What people ask for in a comment on a pull request, and what becomes of it.

Only a comment that was just made is heard: its first line is the whole command, and it was never edited, as
an edit comes with today's rights for words of long ago. What stands further down, or is quoted, is talk.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from kubepreview.core import comment, durations
from kubepreview.core.model import Preview
from kubepreview.core.wire import Object, Time, is_sha

HELP: Final = (
    "`/preview` says how it is; `/preview sleep`, `/preview wake`, `/preview extend 3d`, `/preview down`; "
    "`/preview approve SHA`, the full one, for a pull request of a fork"
)

_LINE: Final = re.compile(r"/preview(?:[ \t]+(?P<verb>\S+))?(?:[ \t]+(?P<argument>\S+))?[ \t]*")
_MAY: Final = frozenset({"admin", "write"})


class _User(Struct, frozen=True):
    login: str
    type: str = ""


class Spoken(Struct, frozen=True, kw_only=True):
    """A comment, as GitHub lists it. The author of a deleted account is None."""

    id: int
    issue_url: str
    created_at: Time
    updated_at: Time
    body: str | None = None
    user: _User | None = None

    @property
    def number(self) -> int:
        """Of the issue or pull request; 0 for none."""
        last = self.issue_url.rpartition("/")[2]
        return int(last) if last.isascii() and last.isdigit() else 0

    @property
    def author(self) -> str:
        """The login of whoever wrote it."""
        return self.user.login if self.user else ""

    @property
    def line(self) -> str:
        """The first line, which is all that is read."""
        return re.split(r"\r\n|\r|\n", self.body or "", maxsplit=1)[0]


class _Permission(Struct, frozen=True):
    permission: str


class Command(Struct, frozen=True, kw_only=True):
    """What is asked for; `argument` for those that have one."""

    verb: str
    argument: str = ""


class Done(Struct, frozen=True, kw_only=True):
    """What becomes of it: a change of the Preview's spec, if any, and what is answered."""

    answer: str
    change: Object | None = None


def read(body: bytes) -> tuple[Spoken, ...]:
    """A page of comments. Raises ValueError for anything else."""
    return msgspec.json.decode(body, type=tuple[Spoken, ...])


def read_permission(body: bytes) -> bool:
    """Whether whoever was asked about may write to the repository. Raises ValueError for no answer."""
    return msgspec.json.decode(body, type=_Permission).permission in _MAY


def heard(spoken: Spoken, bots: frozenset[str]) -> Command | None:
    """The command that a comment is; None for talk. `bots`: those that may command."""
    found = _LINE.fullmatch(spoken.line)
    is_bot = spoken.user is None or spoken.user.type != "User" or spoken.author.endswith("[bot]")
    is_edited = spoken.updated_at != spoken.created_at
    if found is None or is_edited or (is_bot and spoken.author not in bots):
        return None
    verb, argument = found["verb"] or "status", found["argument"] or ""
    if verb not in _TABLE or bool(argument) != (verb in _WITH_ARGUMENT):
        return Command(verb="help")
    return Command(verb=verb, argument=argument)


def is_new(spoken: Spoken, preview: Preview) -> bool:
    """Whether it was said to this very preview, and nothing that came later was carried out before."""
    made, last = preview.metadata.creation_timestamp, preview.status.command
    return (made is None or spoken.created_at >= made) and (last is None or spoken.id > last.id)


def done(command: Command, preview: Preview, spoken: Spoken) -> Done:
    """What becomes of it for this preview as it is now; to do it twice changes nothing more."""
    if preview.spec.state == "Closed" and command.verb not in _ALWAYS:
        return Done(answer="it is closed")
    return _TABLE[command.verb](command.argument, preview, spoken)


def _helped(_argument: str, _preview: Preview, _spoken: Spoken) -> Done:
    return Done(answer=HELP)


def _told(_argument: str, preview: Preview, _spoken: Spoken) -> Done:
    return Done(answer=f"{comment.code(preview.spec.revision.sha[:7])} is {comment.state(preview)}")


def _slept(_argument: str, _preview: Preview, spoken: Spoken) -> Done:
    wish = {"id": _id(spoken), "asleep": True}
    return Done(answer="it goes to sleep", change={"lifetime": {"sleep": wish}})


def _woken(_argument: str, _preview: Preview, spoken: Spoken) -> Done:
    wish = {"id": _id(spoken), "asleep": False}
    return Done(answer="it wakes", change={"lifetime": {"sleep": wish}})


def _approved(sha: str, preview: Preview, spoken: Spoken) -> Done:
    asked_for = preview.spec.revision.sha
    if not preview.spec.pull_request.from_fork:
        return Done(answer="it does not come from a fork: its commits need no approval")
    if not is_sha(sha):
        return Done(answer="an approval names the commit by its full SHA, 40 or 64 digits")
    if sha != asked_for:
        return Done(answer=f"it asks for {comment.code(asked_for)} by now: look at that, and approve it")
    approval = {"sha": sha, "by": f"github:{spoken.author}", "at": msgspec.to_builtins(spoken.created_at)}
    return Done(answer=f"{comment.code(sha)} is approved", change={"approval": approval})


def _extended(duration: str, _preview: Preview, spoken: Spoken) -> Done:
    try:
        durations.seconds(duration)
    except ValueError as error:
        return Done(answer=comment.code(str(error)))
    wish = {"id": _id(spoken), "duration": duration}
    answer = f"it lives {comment.code(duration)} longer"
    return Done(answer=answer, change={"lifetime": {"extension": wish}})


def _closed(_argument: str, preview: Preview, spoken: Spoken) -> Done:
    """Not one that was asked for again since; GitHub's times have whole seconds."""
    if spoken.created_at + dt.timedelta(seconds=1) < preview.spec.revision.observed_at:
        return Done(answer="it was asked for again since, and stays")
    return Done(answer="it is being closed", change={"state": "Closed", "stateReason": "Requested"})


def _id(spoken: Spoken) -> str:
    """A wish is heeded once for each."""
    return f"comment-{spoken.id}"


_TABLE: Final[Mapping[str, Callable[[str, Preview, Spoken], Done]]] = {
    "status": _told,
    "help": _helped,
    "sleep": _slept,
    "wake": _woken,
    "extend": _extended,
    "down": _closed,
    "approve": _approved,
}
_WITH_ARGUMENT: Final = frozenset({"extend", "approve"})
# Of one that is closed there is still this to say.
_ALWAYS: Final = frozenset({"status", "help"})
