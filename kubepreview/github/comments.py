"""One comment on a pull request, kept as it should be: found again, written anew, and never twice."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from msgspec import Struct

from kubepreview.core import feedback
from kubepreview.core.feedback import Author
from kubepreview.errors import Refused, Unreachable
from kubepreview.github.client import GitHub
from kubepreview.github.credentials import Answer

_MOST_PAGES: Final = 30
_GRANT: Final = "give its token the permission `Pull requests: write` on this repository"


class Thread(Struct, frozen=True, kw_only=True):
    """Where it stands. `mark`: its first line. `author`: whom we write as."""

    repository: str
    number: int
    mark: str
    author: Author

    @property
    def comments(self) -> str:
        """The path of all of them."""
        return f"/repos/{self.repository}/issues/{self.number}/comments"

    def comment(self, known: int) -> str:
        """The path of one."""
        return f"/repos/{self.repository}/issues/comments/{known}"


async def author(github: GitHub) -> Author:
    """Whom we write as.

    Raises Refused where GitHub does not tell, Unreachable for no usable answer.
    """
    if app := github.credentials.app:
        return Author(app=app)
    answer = await github.get("/user")
    if answer.code != HTTPStatus.OK:
        raise Refused(
            f"GitHub answers {answer.code} when asked whose token this is",
            hint="without that no comment can be told from somebody else's copy of it",
        )
    return Author(account=_id(answer))


async def put(github: GitHub, thread: Thread, text: str, known: int, *, may_make: bool) -> int:
    """See to it that the comment says this, and give its id. `known`: the id that it had; 0 for none.

    Before one is made all are read: an answer may have been lost, and the comment be there. `may_make` is
    False while a list may lag behind such a loss. Of several the first stays.
    Raises Refused when the token may not write, Unreachable when it is not known what stands there now.
    """
    if known and await _edit(github, thread, text, known):
        return known
    first, *others = await _find(github, thread) or (0,)
    for each in others:
        await github.write("DELETE", thread.comment(each))
    if first and await _edit(github, thread, text, first):
        return first
    if not may_make:
        raise Unreachable("it is not known yet whether the last answer that was lost made a comment")
    answer = await github.write("POST", thread.comments, {"body": text})
    _check(answer, HTTPStatus.CREATED, f"comment on {thread.repository}#{thread.number}")
    return _id(answer)


async def _edit(github: GitHub, thread: Thread, text: str, known: int) -> bool:
    """False if it is gone."""
    answer = await github.write("PATCH", thread.comment(known), {"body": text})
    if answer.code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return False
    _check(answer, HTTPStatus.OK, f"edit comment {known} on {thread.repository}#{thread.number}")
    return True


async def _find(github: GitHub, thread: Thread) -> tuple[int, ...]:
    found: list[int] = []
    for page in range(1, _MOST_PAGES + 1):
        size = feedback.COMMENTS_PER_PAGE
        answer = await github.get(f"{thread.comments}?per_page={size}&page={page}")
        _check(answer, HTTPStatus.OK, f"read the comments on {thread.repository}#{thread.number}")
        try:
            comments = feedback.read_comments(answer.body)
        except ValueError as error:
            raise Unreachable(f"GitHub's answer is no list of comments: {error}") from error
        found += feedback.ours(comments, thread.mark, thread.author)
        if len(comments) < size:
            break
    return tuple(found)


def _check(answer: Answer, wanted: HTTPStatus, what: str) -> None:
    if answer.code == HTTPStatus.FORBIDDEN:
        raise Refused(f"GitHub does not let us {what}", hint=_GRANT)
    if answer.code != wanted:
        raise Unreachable(f"GitHub answered {answer.code} to: {what}")


def _id(answer: Answer) -> int:
    try:
        return feedback.read_id(answer.body)
    except ValueError as error:
        raise Unreachable(f"GitHub's answer has no id: {error}") from error
