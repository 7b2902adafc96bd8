"""A GitHub Deployment for each commit that a preview serves, in an environment of the preview's own."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from kubepreview.core import deployments
from kubepreview.core.feedback import Draft
from kubepreview.core.model import Posted
from kubepreview.errors import Unreachable
from kubepreview.github.client import GitHub
from kubepreview.github.place import NOT_SURE, Place, check, id_of, read

_PERMISSION: Final = "Deployments: write"


class Deployments:
    """Those of all pull requests."""

    draft = staticmethod(deployments.draft)
    # One is made, the one before is marked inactive, and it gets its status.
    writes = 3

    def __init__(self, github: GitHub) -> None:
        self._github = github

    async def put(self, place: Place, draft: Draft, posted: Posted, *, may_make: bool) -> int:
        """See to it that the commit has a deployment with this status, and give its id.

        A status that was told twice is the same status. Raises Refused where that may not be written,
        Unreachable where it is not known what stands there.
        """
        known = posted.id if posted.sha == draft.sha else 0
        if known and (not draft.body or await self._tell(place, known, draft.body)):
            return known
        known = await self._find(place, draft) or await self._make(place, draft, may_make=may_make)
        if posted.id and posted.id != known:
            await self._tell(place, posted.id, deployments.INACTIVE)
        if draft.body and not await self._tell(place, known, draft.body):
            raise Unreachable(f"GitHub shows deployment {known} of {place}, and does not know it")
        return known

    async def _find(self, place: Place, draft: Draft) -> int:
        words = urlencode(deployments.search(draft, self._environment(place)))
        answer = await self._github.get(place.path(f"deployments?{words}"))
        check(answer, HTTPStatus.OK, f"read the deployments of {place}", _PERMISSION)
        listed = read(answer, deployments.read, "list of deployments")
        return max(deployments.ours(listed, place.mark), default=0)

    async def _make(self, place: Place, draft: Draft, *, may_make: bool) -> int:
        if not may_make:
            raise Unreachable(NOT_SURE)
        body = deployments.creation(draft, self._environment(place), place.mark)
        answer = await self._github.write("POST", place.path("deployments"), body)
        check(answer, HTTPStatus.CREATED, f"make a deployment of {place}", _PERMISSION)
        return id_of(answer)

    async def _tell(self, place: Place, known: int, body: object) -> bool:
        """False if somebody has deleted it."""
        answer = await self._github.write("POST", place.path(f"deployments/{known}/statuses"), body)
        if answer.code == HTTPStatus.NOT_FOUND:
            return False
        check(answer, HTTPStatus.CREATED, f"tell how deployment {known} of {place} is", _PERMISSION)
        return True

    def _environment(self, place: Place) -> str:
        return f"preview-{place.number}"
