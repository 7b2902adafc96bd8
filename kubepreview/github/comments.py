"""One comment on a pull request, kept as it should be: found again, written anew, and never twice."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from kubepreview.core import comments, feedback
from kubepreview.core.comments import Author
from kubepreview.core.feedback import Draft
from kubepreview.core.model import Posted
from kubepreview.errors import Refused, Unreachable
from kubepreview.github.client import GitHub
from kubepreview.github.place import NOT_SURE, Place, check, id_of, read

_MOST_PAGES: Final = 30
_PERMISSION: Final = "Pull requests: write"


class Comments:
    """The comments on all pull requests."""

    draft = staticmethod(feedback.draft)
    writes = 1

    def __init__(self, github: GitHub) -> None:
        self._github = github
        self._author: Author | None = None

    async def put(self, place: Place, draft: Draft, posted: Posted, *, may_make: bool) -> int:
        """See to it that the comment says this, and give its id.

        Before one is made all are read: an answer may have been lost, and the comment be there. `may_make`
        is False while a list may lag behind such a loss. Of several the first stays.
        Raises Refused where that may not be written, Unreachable where it is not known what stands there.
        """
        if posted.id and await self._edit(place, draft, posted.id):
            return posted.id
        first, *others = await self._find(place) or (0,)
        for each in others:
            await self._github.write("DELETE", place.path(f"issues/comments/{each}"))
        if first and await self._edit(place, draft, first):
            return first
        if not may_make:
            raise Unreachable(NOT_SURE)
        answer = await self._github.write("POST", self._all(place), draft.body)
        check(answer, HTTPStatus.CREATED, f"comment on {place}", _PERMISSION)
        return id_of(answer)

    async def _edit(self, place: Place, draft: Draft, known: int) -> bool:
        """False if it is gone."""
        answer = await self._github.write("PATCH", place.path(f"issues/comments/{known}"), draft.body)
        if answer.code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return False
        check(answer, HTTPStatus.OK, f"edit comment {known} on {place}", _PERMISSION)
        return id_of(answer) == known

    async def _find(self, place: Place) -> tuple[int, ...]:
        author = self._author = self._author or await self._whoami()
        found: list[int] = []
        for page in range(1, _MOST_PAGES + 1):
            answer = await self._github.get(f"{self._all(place)}?per_page={comments.PER_PAGE}&page={page}")
            check(answer, HTTPStatus.OK, f"read the comments on {place}", _PERMISSION)
            listed = read(answer, comments.read_comments, "list of comments")
            found += comments.ours(listed, place.mark, author)
            if len(listed) < comments.PER_PAGE:
                break
        return tuple(found)

    async def _whoami(self) -> Author:
        if app := self._github.credentials.app:
            return Author(app=app)
        answer = await self._github.get("/user")
        if answer.code != HTTPStatus.OK:
            raise Refused(
                f"GitHub answers {answer.code} when asked whose token this is",
                hint="without that no comment can be told from somebody else's copy of it",
            )
        return Author(account=id_of(answer))

    def _all(self, place: Place) -> str:
        return place.path(f"issues/{place.number}/comments")
