"""Where something is said, and what every answer to it must be."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from msgspec import Struct

from kubepreview.core import comments
from kubepreview.errors import Refused, Unreachable
from kubepreview.github.credentials import Answer

T = TypeVar("T")

NOT_SURE = "it is not known yet whether the last one whose answer was lost is there"


class Place(Struct, frozen=True, kw_only=True):
    """The pull request, and `mark`, by which what is said there about one preview is found again."""

    repository: str
    number: int
    mark: str

    def path(self, below: str) -> str:
        """A path of its repository."""
        return f"/repos/{self.repository}/{below}"

    def __str__(self) -> str:
        return f"{self.repository}#{self.number}"


def check(answer: Answer, wanted: HTTPStatus, what: str, permission: str) -> None:
    """Raise Refused where GitHub does not let us, Unreachable for any other answer than the wanted one."""
    if answer.code == HTTPStatus.FORBIDDEN:
        raise Refused(
            f"GitHub does not let us {what}",
            hint=f"who asks needs the permission `{permission}` on this repository",
        )
    if answer.code != wanted:
        raise Unreachable(f"GitHub answered {answer.code} to: {what}")


def read(answer: Answer, reader: Callable[[bytes], T], what: str) -> T:
    """What the reader makes of the body. Raises Unreachable for an answer that is not `what`."""
    try:
        return reader(answer.body)
    except ValueError as error:
        raise Unreachable(f"GitHub's answer is no {what}: {error}") from error


def id_of(answer: Answer) -> int:
    """The id of what was made. Raises Unreachable for an answer without one."""
    return read(answer, comments.read_id, "thing with an id")
