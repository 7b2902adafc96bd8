"""Says on the pull request how its preview is, in one comment that is written anew.

What is to be said is made from the Preview itself whenever that has changed, the newest just before it is
written: what came in between is never said. Where GitHub refuses, the Preview's status says so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import msgspec

from kubepreview.controller.tools import Tools
from kubepreview.controller.watches import KnownPreview, KnownProject, Watches
from kubepreview.core import feedback, keys
from kubepreview.core.feedback import Author, Budget, Draft, Written
from kubepreview.core.model import Posted, Preview
from kubepreview.errors import KubepreviewError, Unreachable
from kubepreview.github import comments
from kubepreview.github.client import GitHub, RateLimited
from kubepreview.github.comments import Thread
from kubepreview.kube.errors import ObjectNotFound, WriteConflict
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.retry import Backoff
from kubepreview.kube.store import Key

_TICK_S: Final = 0.25
_MANAGER: Final = f"{keys.MANAGER}-feedback"
# Of those that have changed; after a start that is all of them, and the apiserver has other work.
_LOOKS_A_TICK: Final = 5
# GitHub asks for a second between writes.
_APART_S: Final = 1.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 600.0
# What was made may be missing from a list for a while.
_LISTS_LAG_S: Final = 60.0


@dataclass
class _Subject:
    """One preview's comment: what was looked at, what is to be said, and how it went.

    `unsure_until`: an answer was lost, and lists may lag behind it so long.
    """

    uid: str
    posted: Posted
    seen: KnownPreview
    draft: Draft
    written: Written | None = None
    not_before: float = 0.0
    unsure_until: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S))

    def is_due(self, now: float) -> bool:
        """Whether something else is to be said than what stands there, and now."""
        if self.draft.digest == self.posted.digest or now < self.not_before:
            return False
        if not self.posted.id and self.draft.state in ("closing", "closed"):
            return False  # where nothing was said in its life, nobody waits for word of its end
        return feedback.wait_s(self.draft, self.written, now) <= 0

    @property
    def last_at(self) -> float:
        """When something was written last; for one that never was, before all others."""
        return self.written.at if self.written else 0.0

    def wrote(self, known_id: int, now: float) -> None:
        """It stands there."""
        is_same = self.written is not None and self.written.gist == self.draft.gist
        since = self.written.since if self.written and is_same else now
        self.written = Written(gist=self.draft.gist, at=now, since=since)
        self.posted = Posted(id=known_id, digest=self.draft.digest)
        self.backoff.reset()

    def failed(self, error: KubepreviewError, now: float) -> float:
        """It is not known what stands there, or nothing may; the pause before the next try."""
        pause_s = self.backoff.next_s()
        self.not_before = now + pause_s
        if isinstance(error, Unreachable) and now >= self.unsure_until:
            self.unsure_until = now + _LISTS_LAG_S
        self.posted = msgspec.structs.replace(self.posted, digest="", problem=str(error)[:1024])
        return pause_s


class Feedback:
    """Written while this replica leads."""

    def __init__(self, watches: Watches, github: GitHub) -> None:
        self._watches = watches
        self._github = github
        self._subjects: dict[Key, _Subject] = {}
        self._budget = Budget(self._now())
        self._author: Author | None = None
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
        found = await tools.cluster.find(PREVIEWS, key[1], key[0])
        if known is None or project is None or found is None:
            return
        preview = msgspec.convert(found, Preview)
        draft = feedback.draft(preview, project.metadata.uid)
        subject = self._subjects.get(key)
        if subject is None or subject.uid != preview.metadata.uid:
            told = preview.status.feedback
            posted = told.comment if told and told.comment else Posted()
            self._subjects[key] = _Subject(preview.metadata.uid, posted, known, draft)
        else:
            subject.seen, subject.draft = known, draft

    async def _write_next(self, tools: Tools) -> None:
        """The one that has said nothing for the longest time, if one is due."""
        now = self._now()
        due = [(each.last_at, key) for key, each in self._subjects.items() if each.is_due(now)]
        if not due or not self._budget.take(now):
            return
        _, key = min(due)
        await self._look_at(tools, key)
        subject = self._subjects[key]
        try:
            await self._write(key, subject)
        except RateLimited as error:
            self._quiet_until = self._now() + error.pause_s
            raise
        except KubepreviewError as error:
            pause_s = round(subject.failed(error, self._now()), 1)
            tools.log.warning(
                "comment not written", preview="/".join(key), error=str(error), again_after_s=pause_s
            )
        self._quiet_until = self._now() + _APART_S
        await self._record(tools, key, subject)

    async def _write(self, key: Key, subject: _Subject) -> None:
        project = self._project(key, subject.seen)
        if project is None:
            return
        self._author = self._author or await comments.author(self._github)
        thread = Thread(
            repository=project.spec.repository,
            number=subject.seen.spec.pull_request.number,
            mark=feedback.marker(project.metadata.uid, key[1]),
            author=self._author,
        )
        may_make = self._now() >= subject.unsure_until
        known_id = await comments.put(
            self._github, thread, subject.draft.text, subject.posted.id, may_make=may_make
        )
        subject.wrote(known_id, self._now())

    async def _record(self, tools: Tools, key: Key, subject: _Subject) -> None:
        metadata = {"name": key[1], "namespace": key[0], "uid": subject.uid}
        status = {"feedback": {"comment": msgspec.to_builtins(subject.posted)}}
        try:
            await tools.cluster.apply(
                {"apiVersion": keys.API_VERSION, "kind": "Preview", "metadata": metadata, "status": status},
                manager=_MANAGER,
                subresource="status",
            )
        except (WriteConflict, ObjectNotFound):
            return

    def _project(self, key: Key, known: KnownPreview) -> KnownProject | None:
        """Of a project that is not known it is not known whose pull request it is."""
        return self._watches.projects.store.get((key[0], known.spec.project))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
