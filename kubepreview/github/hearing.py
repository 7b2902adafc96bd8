"""Reads what people say on pull requests, and who of them may command."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from urllib.parse import quote, urlencode

from kubepreview.core import commands
from kubepreview.core.commands import Spoken
from kubepreview.core.comments import PER_PAGE
from kubepreview.github.client import GitHub
from kubepreview.github.place import Place, check, read

_PERMISSION = "Pull requests: read"
_MOST_PAGES = 20


async def comments_since(github: GitHub, repository: str, since: dt.datetime) -> tuple[Spoken, ...]:
    """What was said or edited on all pull requests and issues since then, the oldest first.

    Raises what the client raises, and Unreachable for anything else than lists of comments.
    """
    order = {"since": f"{since:%Y-%m-%dT%H:%M:%SZ}", "sort": "updated", "direction": "asc"}
    found: list[Spoken] = []
    for page in range(1, _MOST_PAGES + 1):
        words = urlencode({**order, "per_page": PER_PAGE, "page": page})
        answer = await github.get(f"/repos/{repository}/issues/comments?{words}")
        check(answer, HTTPStatus.OK, f"read the comments of {repository}", _PERMISSION)
        listed = read(answer, commands.read, "list of comments")
        found += listed
        if len(listed) < PER_PAGE:
            break
    return tuple(found)


async def may_command(github: GitHub, repository: str, login: str) -> bool:
    """Whether this person may write to the repository, as GitHub says now."""
    answer = await github.get(f"/repos/{repository}/collaborators/{quote(login, safe='')}/permission")
    if answer.code == HTTPStatus.NOT_FOUND:
        return False
    check(answer, HTTPStatus.OK, f"ask what {login} may do in {repository}", _PERMISSION)
    return read(answer, commands.read_permission, "permission")


async def reply(github: GitHub, place: Place, text: str) -> None:
    """Answer on the pull request. It is tried once: an answer that is missing is better than two."""
    answer = await github.write("POST", place.path(f"issues/{place.number}/comments"), {"body": text})
    check(answer, HTTPStatus.CREATED, f"answer on {place}", "Pull requests: write")
