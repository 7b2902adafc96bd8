"""Says on the pull request how its preview is: in a comment, as a Deployment, as a check run.

What is to be said is made from the Preview itself whenever that has changed, the newest just before it is
written: what came in between is never said. Where GitHub refuses, the Preview's status says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol

import msgspec

from kubepreview.controller.report import write_part
from kubepreview.controller.saying import Saying
from kubepreview.controller.tools import Tools
from kubepreview.controller.watches import KnownPreview, KnownProject, Watches
from kubepreview.core import feedback, keys
from kubepreview.core.budget import Bucket
from kubepreview.core.feedback import Draft
from kubepreview.core.model import Feedback as Recorded
from kubepreview.core.model import Posted, Preview
from kubepreview.errors import KubepreviewError
from kubepreview.github.checks import Checks
from kubepreview.github.client import GitHub, RateLimited
from kubepreview.github.comments import Comments
from kubepreview.github.deployments import Deployments
from kubepreview.github.place import Place
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.store import Key

_TICK_S: Final = 0.25
_MANAGER: Final = f"{keys.MANAGER}-feedback"
# Of those that have changed; after a start that is all of them, and the apiserver has other work.
_LOOKS_A_TICK: Final = 5
# GitHub asks for a second between writes.
_APART_S: Final = 1.0


class Channel(Protocol):
    """One way to say it. `writes`: how many a `put` may take at most."""

    writes: int

    def draft(self, preview: Preview, mark: str) -> Draft:
        """What is to be said now."""

    async def put(self, place: Place, draft: Draft, posted: Posted, *, may_make: bool) -> int:
        """See to it that it stands there, and give its id."""


@dataclass
class _Subject:
    """One preview, as it was looked at last; `sayings` by channel."""

    uid: str
    seen: KnownPreview
    place: Place
    sayings: dict[str, Saying] = field(default_factory=dict)


class Feedback:
    """Written while this replica leads."""

    def __init__(self, watches: Watches, github: GitHub, budget: Bucket) -> None:
        self._watches = watches
        self._github = github
        # In the order in which they are written where several wait.
        self._channels: dict[str, Channel] = {
            "Comment": Comments(github),
            "Check": Checks(github),
            "Deployment": Deployments(github),
        }
        self._subjects: dict[Key, _Subject] = {}
        self._budget = budget
        self._quiet_until = 0.0

    async def run(self, tools: Tools) -> None:
        """For ever."""
        for each in (self._watches.previews, self._watches.projects):
            await each.synced.wait()
        while True:
            try:
                if self._github.credentials.are_there and self._now() >= self._quiet_until:
                    await self._look(tools)
                    await self._write_next(tools)
            except KubepreviewError as error:
                tools.log.warning("feedback", error=error.message)
            await asyncio.sleep(_TICK_S)

    async def _look(self, tools: Tools) -> None:
        """At some of those that have changed since."""
        previews = self._watches.previews.store
        self._subjects = {key: each for key, each in self._subjects.items() if key in previews}
        changed = (key for key, known in previews.items() if self._is_changed(key, known))
        for key in list(islice(changed, _LOOKS_A_TICK)):
            await self._look_at(tools, key)

    def _is_changed(self, key: Key, known: KnownPreview) -> bool:
        subject = self._subjects.get(key)
        return self._project(key, known) is not None and (subject is None or subject.seen is not known)

    async def _look_at(self, tools: Tools, key: Key) -> None:
        known = self._watches.previews.store.get(key)
        project = self._project(key, known) if known else None
        if known is None or project is None:
            return
        found = await tools.cluster.find(PREVIEWS, key[1], key[0])
        if found is None:
            return
        preview = msgspec.convert(found, Preview)
        place = Place(
            repository=project.spec.repository,
            number=preview.spec.pull_request.number,
            mark=feedback.marker(project.metadata.uid, key[1]),
        )
        subject = self._subjects.get(key)
        if subject is None or subject.uid != preview.metadata.uid:
            subject = self._subjects[key] = _Subject(preview.metadata.uid, known, place)
        subject.seen, subject.place = known, place
        for name, channel in self._channels.items():
            if name in project.spec.feedback:
                self._prepare(subject, name, preview, channel.draft(preview, place.mark))

    def _prepare(self, subject: _Subject, name: str, preview: Preview, draft: Draft) -> None:
        if name in subject.sayings:
            subject.sayings[name].draft = draft
        else:
            posted = getattr(preview.status.feedback or Recorded(), name.lower()) or Posted()
            subject.sayings[name] = Saying.begun(posted, draft, self._now())

    async def _write_next(self, tools: Tools) -> None:
        """The one that has said nothing for the longest time, if one is due."""
        now = self._now()
        due = min(self._due(now), default=None)
        if due is None:
            return
        _, _, name, key = due
        most, before = self._channels[name].writes, self._github.writes
        if not self._budget.take(now, most):
            return
        try:
            await self._write(tools, name, key, now)
        finally:
            # What somebody else has written meanwhile counts twice: that errs on the right side.
            self._budget.give_back(most - (self._github.writes - before))

    async def _write(self, tools: Tools, name: str, key: Key, now: float) -> None:
        await self._look_at(tools, key)
        subject = self._subjects[key]
        saying = subject.sayings[name]
        may_make = now >= saying.unsure_until
        try:
            known = await self._channels[name].put(
                subject.place, saying.draft, saying.posted, may_make=may_make
            )
        except RateLimited as error:
            self._quiet_until = self._now() + error.pause_s
            raise
        except KubepreviewError as error:
            pause_s = round(saying.failed(error, self._now()), 1)
            told = {"preview": "/".join(key), "error": error.message, "again_after_s": pause_s}
            tools.log.warning("not written on GitHub", what=name, **told)
        else:
            saying.wrote(known, self._now())
        self._quiet_until = self._now() + _APART_S
        await self._record(tools, key, subject)

    def _due(self, now: float) -> Iterator[tuple[float, int, str, Key]]:
        ranks = {name: rank for rank, name in enumerate(self._channels)}
        for key, subject in self._subjects.items():
            for name, saying in subject.sayings.items():
                if saying.is_due(now):
                    yield saying.last_at, ranks[name], name, key

    async def _record(self, tools: Tools, key: Key, subject: _Subject) -> None:
        posted = {name.lower(): msgspec.to_builtins(each.posted) for name, each in subject.sayings.items()}
        await write_part(tools, key, subject.uid, {"feedback": posted}, _MANAGER)

    def _project(self, key: Key, known: KnownPreview) -> KnownProject | None:
        """Of a project that is not known it is not known whose pull request it is."""
        return self._watches.projects.store.get((key[0], known.spec.project))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
