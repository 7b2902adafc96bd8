"""Asks GitHub which files a pull request changes, where its project makes previews for some of them only.

Asked once for each commit. Until GitHub has said it nothing of that commit is built, and what was built
before stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec

from kubepreview.controller.report import write_part
from kubepreview.controller.tools import Tools
from kubepreview.controller.watches import KnownPreview, KnownProject, Watches
from kubepreview.core import keys, selection
from kubepreview.errors import KubepreviewError
from kubepreview.github.client import GitHub
from kubepreview.github.listing import changed_files
from kubepreview.kube.retry import Backoff
from kubepreview.kube.store import Key

_TICK_S: Final = 0.5
_FIRST_PAUSE_S: Final = 2.0
_MANAGER: Final = f"{keys.MANAGER}-paths"


class Paths:
    """Asked while this replica leads."""

    def __init__(self, watches: Watches, github: GitHub, interval_s: float) -> None:
        self._watches = watches
        self._github = github
        self._backoff = Backoff(min(_FIRST_PAUSE_S, interval_s), interval_s)

    async def run(self, tools: Tools) -> None:
        """For ever."""
        for each in (self._watches.previews, self._watches.projects):
            await each.synced.wait()
        while True:
            pause_s = _TICK_S
            if self._github.credentials.are_there:
                try:
                    for key, known, project in list(self._unknown()):
                        await self._ask(tools, key, known, project)
                        self._backoff.reset()
                except KubepreviewError as error:
                    pause_s = self._backoff.next_s()
                    tools.log.warning("files not known", error=error.message, again_after_s=round(pause_s, 1))
            await asyncio.sleep(pause_s)

    async def _ask(self, tools: Tools, key: Key, known: KnownPreview, project: KnownProject) -> None:
        found = await changed_files(self._github, project.spec.repository, known.spec.pull_request.number)
        paths = selection.paths(known.spec.revision.sha, found, project.spec.pull_requests)
        part = {"paths": msgspec.to_builtins(paths)}
        await write_part(tools, key, known.metadata.uid, part, _MANAGER)

    def _unknown(self) -> Iterator[tuple[Key, KnownPreview, KnownProject]]:
        for key, known in self._watches.previews.store.items():
            project = self._watches.projects.store.get((key[0], known.spec.project))
            if project is None or not known.is_open:
                continue
            rules, sha = project.spec.pull_requests, known.spec.revision.sha
            if selection.asks_for_paths(rules) and not selection.are_known(known.status.paths, sha, rules):
                yield key, known, project
