"""Hears what people ask for in comments on pull requests, and does it.

All new comments of a repository are one list, asked for every few seconds and mostly answered by `304`. Who
asked is looked up live: a permission of yesterday is none. What was carried out is on record in the
Preview's status before it is answered, so that nothing is answered twice.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from typing import Final

import msgspec

from kubepreview.controller.report import change, write_part
from kubepreview.controller.tools import Tools
from kubepreview.controller.watches import KnownProject, Watches
from kubepreview.core import commands, comment, keys
from kubepreview.core.budget import Bucket
from kubepreview.core.commands import Command, Done, Spoken
from kubepreview.core.model import Heard, Preview
from kubepreview.errors import InvalidInput, KubepreviewError, Refused, Unreachable
from kubepreview.github import hearing
from kubepreview.github.client import GitHub
from kubepreview.github.place import Place
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.store import Key

_PERIOD_S: Final = 3.0
# Who begins to lead hears what was said so lately, and not yet done.
_LOOK_BACK: Final = dt.timedelta(hours=24)
_MANAGER: Final = f"{keys.MANAGER}-commands"


class Commands:
    """Heard while this replica leads."""

    def __init__(self, watches: Watches, github: GitHub, budget: Bucket) -> None:
        self._watches = watches
        self._github = github
        self._budget = budget
        # Of each repository: when what was looked at last was said, and which of that time were looked at.
        self._since: dict[str, dt.datetime] = {}
        self._looked_at: dict[str, set[int]] = {}

    async def run(self, tools: Tools) -> None:
        """For ever."""
        for each in (self._watches.previews, self._watches.projects):
            await each.synced.wait()
        while True:
            if self._github.credentials.are_there:
                for repository in sorted(set(self._repositories())):
                    try:
                        await self._hear(tools, repository)
                    except KubepreviewError as error:
                        tools.log.warning("comments not heard", repository=repository, error=error.message)
            await asyncio.sleep(_PERIOD_S)

    def _repositories(self) -> Iterator[str]:
        """Those that have previews."""
        for (namespace, _), known in self._watches.previews.store.items():
            project = self._watches.projects.store.get((namespace, known.spec.project))
            if project is not None:
                yield project.spec.repository

    async def _hear(self, tools: Tools, repository: str) -> None:
        since = self._since.get(repository, tools.now() - _LOOK_BACK)
        spoken = await hearing.comments_since(self._github, repository, since)
        for each in spoken:
            if each.id in self._looked_at.get(repository, ()):
                continue
            for key, project in self._about(repository, each.number):
                await self._heed(tools, key, project, each)
            self._remember(repository, each)

    def _remember(self, repository: str, spoken: Spoken) -> None:
        if self._since.get(repository) != spoken.updated_at:
            self._since[repository] = spoken.updated_at
            self._looked_at[repository] = set()
        self._looked_at[repository].add(spoken.id)

    def _about(self, repository: str, number: int) -> list[tuple[Key, KnownProject]]:
        """The previews of that pull request."""
        return [
            (key, project)
            for key, known in self._watches.previews.store.items()
            if known.spec.pull_request.number == number
            and (project := self._watches.projects.store.get((key[0], known.spec.project)))
            and project.spec.repository.lower() == repository.lower()
        ]

    async def _heed(self, tools: Tools, key: Key, project: KnownProject, spoken: Spoken) -> None:
        bots = frozenset(project.spec.pull_requests.commanding_bots)
        command = commands.heard(spoken, bots)
        found = await tools.cluster.find(PREVIEWS, key[1], key[0]) if command else None
        if command is None or found is None:
            return
        preview = msgspec.convert(found, Preview)
        if not commands.is_new(spoken, preview):
            return
        if not await hearing.may_command(self._github, project.spec.repository, spoken.author):
            tools.log.info("comment of a stranger", preview="/".join(key), author=spoken.author)
            return
        await self._do(tools, preview, project, (command, spoken))

    async def _do(
        self, tools: Tools, preview: Preview, project: KnownProject, asked: tuple[Command, Spoken]
    ) -> None:
        command, spoken = asked
        result = commands.done(command, preview, spoken)
        try:
            if result.change and not await change(tools, preview, result.change):
                raise Unreachable(f"pr-{spoken.number} was changed meanwhile; it is looked at again")
        except (InvalidInput, Refused) as error:
            result = Done(answer=f"the cluster does not take it: {comment.code(error.message)}")
        await self._record(tools, preview, spoken, result)
        tools.log.info("command", preview=preview.metadata.name, author=spoken.author, asked=spoken.line)
        if self._budget.take(asyncio.get_running_loop().time()):
            place = Place(repository=project.spec.repository, number=spoken.number, mark="")
            text = f"{comment.code(spoken.line)}: {result.answer}"
            await hearing.reply(self._github, place, text)

    async def _record(self, tools: Tools, preview: Preview, spoken: Spoken, result: Done) -> None:
        heard = Heard(id=spoken.id, by=spoken.author[:64], answer=result.answer[:1024])
        key = (preview.metadata.namespace, preview.metadata.name)
        part = {"command": msgspec.to_builtins(heard)}
        await write_part(tools, key, preview.metadata.uid, part, _MANAGER)
