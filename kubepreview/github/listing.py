"""The open pull requests of a repository, and the files of one, as GitHub lists them now."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from kubepreview.core import event
from kubepreview.core.event import Event
from kubepreview.errors import Unreachable
from kubepreview.github.client import GitHub
from kubepreview.github.place import check, read

# Each takes some 20 KiB, and the client reads 2 MiB.
_PER_PAGE: Final = 30
_MOST_PAGES: Final = 40
# "The response includes a maximum of 3000 files", each with its patch.
_MOST_FILES: Final = 3000
_FILES_PER_PAGE: Final = 50
_PERMISSION: Final = "Pull requests: read"


async def changed_files(github: GitHub, repository: str, number: int) -> tuple[str, ...] | None:
    """The paths that a pull request changes, and those that files had before they were moved.

    None for more than GitHub lists. Raises what the client raises, and Unreachable for anything else.
    """
    found: list[str] = []
    for page in range(1, _MOST_FILES // _FILES_PER_PAGE + 1):
        words = urlencode({"per_page": _FILES_PER_PAGE, "page": page})
        answer = await github.get(f"/repos/{repository}/pulls/{number}/files?{words}")
        check(answer, HTTPStatus.OK, f"list the files of {repository}#{number}", _PERMISSION)
        listed = read(answer, _read_files, "list of files")
        found += [path for each in listed for path in (each.filename, each.previous_filename) if path]
        if len(listed) < _FILES_PER_PAGE:
            return tuple(found)
    return None


class _File(Struct, frozen=True):
    filename: str
    previous_filename: str = ""


def _read_files(body: bytes) -> tuple[_File, ...]:
    return msgspec.json.decode(body, type=tuple[_File, ...])


async def open_pull_requests(github: GitHub, repository: str) -> tuple[Event, ...]:
    """All of them, each with its head.

    Raises what the client raises, and Unreachable for anything else than lists of pull requests; the list
    is whole, or there is none.
    """
    found: list[Event] = []
    for page in range(1, _MOST_PAGES + 1):
        words = urlencode({"state": "open", "per_page": _PER_PAGE, "page": page})
        answer = await github.get(f"/repos/{repository}/pulls?{words}")
        check(answer, HTTPStatus.OK, f"list the pull requests of {repository}", _PERMISSION)
        listed = read(answer, event.read_list, "list of pull requests")
        found += listed
        if len(listed) < _PER_PAGE:
            return tuple(found)
    raise Unreachable(f"{repository} has more than {_MOST_PAGES * _PER_PAGE} open pull requests")
