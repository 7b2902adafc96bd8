"""A check run for each commit that a preview is asked to serve. GitHub lets Apps only write these."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from kubepreview.core import checks
from kubepreview.core.comments import PER_PAGE
from kubepreview.core.feedback import Draft
from kubepreview.core.model import Posted
from kubepreview.errors import Refused, Unreachable
from kubepreview.github.client import GitHub
from kubepreview.github.place import NOT_SURE, Place, check, id_of, read

_PERMISSION: Final = "Checks: write"


class Checks:
    """Those of all pull requests."""

    draft = staticmethod(checks.draft)
    writes = 1

    def __init__(self, github: GitHub) -> None:
        self._github = github

    async def put(self, place: Place, draft: Draft, posted: Posted, *, may_make: bool) -> int:
        """See to it that the commit has a check run that says this, and give its id.

        Raises Refused where that may not be written, Unreachable where it is not known what stands there.
        """
        app = self._github.credentials.app
        if not app:
            raise Refused("GitHub lets Apps only write check runs", hint="see docs/github.md")
        known = (posted.id if posted.sha == draft.sha else 0) or await self._find(place, draft, app)
        if known:
            answer = await self._github.write("PATCH", place.path(f"check-runs/{known}"), draft.body)
            check(answer, HTTPStatus.OK, f"write the check run of {place}", _PERMISSION)
            return id_of(answer)
        if not may_make:
            raise Unreachable(NOT_SURE)
        answer = await self._github.write("POST", place.path("check-runs"), checks.creation(draft))
        check(answer, HTTPStatus.CREATED, f"make a check run of {place}", _PERMISSION)
        return id_of(answer)

    async def _find(self, place: Place, draft: Draft, app: str) -> int:
        words = f"check_name={checks.NAME}&per_page={PER_PAGE}"
        answer = await self._github.get(place.path(f"commits/{draft.sha}/check-runs?{words}"))
        check(answer, HTTPStatus.OK, f"read the check runs of {place}", _PERMISSION)
        listed = read(answer, checks.read, "list of check runs")
        return max(checks.ours(listed, place.mark, app), default=0)
