"""When what stands on GitHub about a preview is written anew, and how a comment is known as ours.

What is written changes with what happens, and as seldom as it can: a change of state at once, a mere
detail after a while, and nothing while the budget is spent. Every time is passed in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from kubepreview.core import comment
from kubepreview.core.model import Preview

COMMENTS_PER_PAGE: Final = 100

# A state that is over in a moment is not worth a word.
_PASSING_S: Final = 10.0
# A detail waits so long, and then for as long again as the state has lasted.
_DETAIL_S: Final = 30.0
# Below GitHub's limits of 80 and 500: "no more than 80 content-generating requests per minute and no more
# than 500 per hour". At the most 60 at once and 400 in an hour come to 460.
_AT_ONCE: Final = 60.0
_PER_HOUR: Final = 400.0


class Draft(Struct, frozen=True, kw_only=True):
    """What is to be said. `gist` changes when something has happened, `digest` with every letter."""

    text: str
    state: comment.State
    gist: str

    @property
    def digest(self) -> str:
        """By which it is known as written."""
        return _digest(self.text)


class Written(Struct, frozen=True, kw_only=True):
    """What was said last, by this process's clock; `since`: when its gist was said first."""

    gist: str
    at: float
    since: float


def draft(preview: Preview, project_uid: str) -> Draft:
    """The comment about a preview."""
    text = f"{marker(project_uid, preview.metadata.name)}\n{comment.comment(preview)}"
    return Draft(text=text, state=comment.state(preview), gist=_digest(repr(_gist(preview))))


def marker(project_uid: str, name: str) -> str:
    """By which the comment is found again; it is not seen. Of another cluster's it is another."""
    return f"<!-- kubepreview {project_uid}/{name} -->"


def _gist(preview: Preview) -> tuple[object, ...]:
    spec, status = preview.spec, preview.status
    failure = status.failure
    return (
        comment.state(preview),
        spec.revision.sha,
        status.served.sha if status.served else "",
        (spec.test.sha, spec.test.passed) if spec.test else None,
        (failure.object, failure.reason) if failure else None,
        status.receipt.blockers if status.receipt else (),
    )


def wait_s(next_one: Draft, last: Written | None, now: float) -> float:
    """How much longer it waits; 0 for no longer. `last` is None where nothing was said by this process."""
    if last is None:
        return 0.0
    if next_one.gist == last.gist:
        return max(last.at + max(_DETAIL_S, last.at - last.since) - now, 0.0)
    return max(last.at + _PASSING_S - now, 0.0) if next_one.state == "closing" else 0.0


class Budget:
    """How much may be written now, by every process that has this token: there is one, which leads."""

    def __init__(self, now: float) -> None:
        self._left = _AT_ONCE
        self._at = now

    def take(self, now: float) -> bool:
        """Take one; False if none is left."""
        self._left = min(self._left + (now - self._at) * _PER_HOUR / 3600, _AT_ONCE)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class _User(Struct, frozen=True):
    id: int
    login: str = ""


class _App(Struct, frozen=True):
    id: int = 0
    client_id: str = ""
    slug: str = ""


class Author(Struct, frozen=True, kw_only=True):
    """Whom we write as: an account, or an App by its id or client id."""

    account: int = 0
    app: str = ""

    def wrote(self, one: Comment) -> bool:
        """Whether it is ours. An App acts for users, too, and writes as itself under a name of its own."""
        via = one.performed_via_github_app
        if one.user is None or (self.app and via is None):
            return False
        if via is None or not self.app:
            return one.user.id == self.account
        return self.app in (str(via.id), via.client_id) and one.user.login == f"{via.slug}[bot]"


class Comment(Struct, frozen=True):
    """One on a pull request, as GitHub lists it. The author of a deleted account is None."""

    id: int
    body: str | None = None
    user: _User | None = None
    performed_via_github_app: _App | None = None


def read_comments(body: bytes) -> tuple[Comment, ...]:
    """One page. Raises ValueError for anything else than a list of comments."""
    return msgspec.json.decode(body, type=tuple[Comment, ...])


def read_id(body: bytes) -> int:
    """The id that a single comment or account has. Raises ValueError for anything else."""
    return msgspec.json.decode(body, type=_User).id


def ours(comments: Iterable[Comment], mark: str, author: Author) -> tuple[int, ...]:
    """The ids of those that begin with the marker and that we wrote; of others it is a quotation."""
    first_line = re.compile(re.escape(mark) + r"\r?(\n|$)")
    return tuple(each.id for each in comments if author.wrote(each) and first_line.match(each.body or ""))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
