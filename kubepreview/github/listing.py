"""The open pull requests of a repository, as GitHub lists them now."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from kubepreview.core import event
from kubepreview.core.event import Event
from kubepreview.errors import Unreachable
from kubepreview.github.client import GitHub
from kubepreview.github.place import check, read

# Each takes some 20 KiB, and the client reads 2 MiB.
_PER_PAGE: Final = 30
_MOST_PAGES: Final = 40
_PERMISSION: Final = "Pull requests: read"


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
