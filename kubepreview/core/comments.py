"""Comments, as GitHub lists them, and which of them are ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

# The most that GitHub puts on a page, of any list.
PER_PAGE: Final = 100


class _User(Struct, frozen=True):
    id: int
    login: str = ""


class App(Struct, frozen=True):
    """A GitHub App, as it stands in what it made."""

    id: int = 0
    client_id: str = ""
    slug: str = ""

    def is_known_as(self, name: str) -> bool:
        """Whether this is its id or its client id."""
        return name in (str(self.id), self.client_id)


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
        return via.is_known_as(self.app) and one.user.login == f"{via.slug}[bot]"


class Comment(Struct, frozen=True):
    """One on a pull request, as GitHub lists it. The author of a deleted account is None."""

    id: int
    body: str | None = None
    user: _User | None = None
    performed_via_github_app: App | None = None


def read_comments(body: bytes) -> tuple[Comment, ...]:
    """One page. Raises ValueError for anything else than a list of comments."""
    return msgspec.json.decode(body, type=tuple[Comment, ...])


def read_id(body: bytes) -> int:
    """The id of whatever single thing was answered. Raises ValueError for anything else."""
    return msgspec.json.decode(body, type=_User).id


def ours(comments: Iterable[Comment], mark: str, author: Author) -> tuple[int, ...]:
    """The ids of those that begin with the marker and that we wrote; of others it is a quotation."""
    first_line = re.compile(re.escape(mark) + r"\r?(\n|$)")
    return tuple(each.id for each in comments if author.wrote(each) and first_line.match(each.body or ""))
