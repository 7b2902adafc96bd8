"""Reads the pull request of every open preview, closes those whose is over, and tells what is known.

Each is read at an interval, and at once when its Preview is new or was written to: whoever wrote may have
been late. Where GitHub does not answer, nobody else is asked about for a while, and nothing is closed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from kubepreview.controller.brakes import BrakeRecord
from kubepreview.controller.report import change, write_condition
from kubepreview.controller.tools import Tools
from kubepreview.controller.watches import KnownPreview, KnownProject, Watches
from kubepreview.core import brake, conditions, keys, pull_requests
from kubepreview.core.model import Preview
from kubepreview.core.pull_requests import NotFound, PullRequestRef, Seen, Standing, Unread
from kubepreview.errors import KubepreviewError, Refused
from kubepreview.github.client import GitHub, RateLimited
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.retry import Backoff
from kubepreview.kube.store import Key

_TICK_S: Final = 1.0
# Of its status, the one condition that is written here and nowhere else.
_MANAGER: Final = f"{keys.MANAGER}-pull-requests"
_FIRST_PAUSE_S: Final = 5.0
# After so many intervals without an answer what was known is not taken for true any more.
_PATIENCE: Final = 3
_AT_A_TIME_S: Final = 10.0
# Those that were closed in this time count as of one pass: what comes one by one is not less of a mistake.
_ONE_PASS_S: Final = 600.0
_HELD: Final = f"so many would be closed at once that somebody should look first; {brake.CURE}"


class _Attempt(Struct, frozen=True, order=True):
    """When it was read last, by this process's clock, for which version of its spec and which hint."""

    at: float = -1.0
    uid: str = ""
    generation: int = 0
    hint: str = ""


class _Subject(Struct, frozen=True):
    """An open preview and its project, as they were when it was looked: both may be gone a moment later."""

    key: Key
    known: KnownPreview
    project: KnownProject

    @property
    def uid(self) -> str:
        """Of the preview."""
        return self.known.metadata.uid

    @property
    def ref(self) -> PullRequestRef:
        """Which pull request it is of."""
        told = self.known.spec.pull_request
        return PullRequestRef(repository=self.project.spec.repository, number=told.number, url=told.url)


class PullRequests:
    """Read while this replica leads."""

    def __init__(self, watches: Watches, github: GitHub, interval_s: float) -> None:
        self._watches = watches
        self._github = github
        self._interval_s = interval_s
        self._standings: dict[Key, Standing] = {}
        self._attempts: dict[Key, _Attempt] = {}
        # Which delivery had told of each last when it was seen open.
        self._open_hints: dict[Key, str] = {}
        self._closed_at: deque[float] = deque()
        self._brake = BrakeRecord("pull-requests")
        self._quiet_until = 0.0
        self._backoff = Backoff(min(_FIRST_PAUSE_S, interval_s), interval_s)

    async def run(self, tools: Tools) -> None:
        """For ever."""
        for each in (self._watches.previews, self._watches.projects):
            await each.synced.wait()
        while True:
            try:
                if self._github.credentials.are_there or self._standings:
                    await self._read_all(tools)
                    held = await self._close(tools)
                    await self._tell(tools, held)
            except KubepreviewError as error:
                tools.log.warning("pull requests", error=error.message)
            await asyncio.sleep(_TICK_S)

    async def _read_all(self, tools: Tools) -> None:
        """Those that are due, the one that has waited longest first."""
        self._forget()
        if self._now() < self._quiet_until:
            return
        began = self._now()
        for each in sorted(self._due(), key=lambda each: self._attempt(each.key)):
            if self._now() - began > _AT_A_TIME_S:
                return  # what was read is acted upon; the others go first the next time
            self._attempts[each.key] = _Attempt(self._now(), *self._occasion(each))
            try:
                result = await self._read(each.ref)
            except Refused as error:
                # Said of this repository: an App that is not installed on one is heard on the others.
                tools.log.warning("GitHub refuses", preview="/".join(each.key), error=error.message)
                self._learn(each.key, Unread(why=error.message), tools.now())
                continue
            except KubepreviewError as error:
                self._fall_silent(error, tools)
                return
            self._backoff.reset()
            self._learn(each.key, result, tools.now())
            if isinstance(result, Seen):
                if not result.is_over:
                    self._open_hints[each.key] = self._attempts[each.key].hint
                await self._describe(tools, each, result)

    async def _read(self, asked: PullRequestRef) -> Seen | Unread:
        if why := pull_requests.contradiction(asked):
            return Unread(why=why)
        answer = await self._github.get(f"/repos/{asked.repository}/pulls/{asked.number}")
        result = pull_requests.read(asked, answer.code, answer.body, has_moved=answer.has_moved)
        if not isinstance(result, NotFound):
            return result
        answer = await self._github.get(f"/repos/{asked.repository}/issues/{asked.number}")
        return pull_requests.read_missing(asked, answer.code)

    async def _describe(self, tools: Tools, subject: _Subject, seen: Seen) -> None:
        """Labels and drafts change without a push."""
        rules = subject.project.spec.pull_requests
        if pull_requests.described(subject.known.spec, seen, rules) is None:
            return
        found = await tools.cluster.find(PREVIEWS, subject.key[1], subject.key[0])
        preview = msgspec.convert(found, Preview) if found else None
        changed = preview and pull_requests.described(preview.spec, seen, rules)
        if preview and changed and preview.spec.state == "Open":
            await change(tools, preview, changed)

    def _fall_silent(self, error: KubepreviewError, tools: Tools) -> None:
        """Who does not answer about one is not asked about the others."""
        pause_s = error.pause_s if isinstance(error, RateLimited) else self._backoff.next_s()
        self._quiet_until = self._now() + pause_s
        tools.log.warning("GitHub gives no answer", error=error.message, again_after_s=round(pause_s, 1))
        for each in self._open():
            self._learn(each.key, Unread(why=error.message), tools.now())

    def _learn(self, key: Key, result: Seen | Unread, now: dt.datetime) -> None:
        self._standings[key] = self._standings.get(key, Standing()).after(result, now)

    async def _close(self, tools: Tools) -> frozenset[str]:
        """Close those whose pull request is over. The UIDs of those that the brake holds are returned.

        It does not look at those that a signed delivery told of as well: two who say the same are no mistake.
        """
        all_open = list(self._open())
        over = {each.uid: each for each in all_open if self._ends(each.key, each.known)}
        told = {uid for uid, each in over.items() if self._is_told_of(each)}
        words = {uid: self._words(each) for uid, each in over.items() if uid not in told}
        for uid in told:
            await self._close_one(tools, over[uid])
        through = await self._brake.let_through(tools, words, len(all_open), self._closed_lately())
        for uid in through:
            if await self._close_one(tools, over[uid]):
                self._closed_at.append(self._now())
        return frozenset(words) - through

    def _is_told_of(self, subject: _Subject) -> bool:
        """Whether GitHub has sent word of it since it was seen open."""
        before = self._open_hints.get(subject.key)
        return before is not None and self._hint(subject) != before

    async def _close_one(self, tools: Tools, subject: _Subject) -> bool:
        """Not if anything was written to it since it was read."""
        key = subject.key
        found = await tools.cluster.find(PREVIEWS, key[1], key[0])
        seen = self._standings.get(key, Standing()).seen
        if found is None or seen is None:
            return False
        preview = msgspec.convert(found, Preview)
        is_open = preview.spec.state == "Open" and preview.metadata.uid == subject.uid
        if not is_open or not pull_requests.ends(preview.spec.revision.observed_at, seen):
            return False
        closing = pull_requests.closing(preview.spec.revision.observed_at, seen)
        if not await change(tools, preview, closing):
            return False
        tools.log.info("preview closed", preview="/".join(key), pull_request=seen.state)
        return True

    async def _tell(self, tools: Tools, held: frozenset[str]) -> None:
        """What is known, in the status of each."""
        patience = dt.timedelta(seconds=_PATIENCE * self._interval_s)
        # As they are now: while one is written, others come and go.
        for key, known in list(self._watches.previews.store.items()):
            said = known.condition(conditions.PULL_REQUEST_OPEN)
            if not known.is_open:
                if said:
                    await write_condition(tools, key, known, None, _MANAGER)
                continue
            standing = self._standings.get(key, Standing())
            told = pull_requests.told(
                standing,
                tools.now(),
                patience,
                known.spec.revision.sha,
                held=_HELD if known.metadata.uid in held else "",
                is_kept=not self._ends(key, known),
            )
            if told and not known.says(told):
                await write_condition(tools, key, known, told, _MANAGER)

    def _ends(self, key: Key, known: KnownPreview) -> bool:
        standing = self._standings.get(key, Standing())
        if standing.seen is None or standing.silent_since:
            return False
        return pull_requests.ends(known.spec.revision.observed_at, standing.seen)

    def _words(self, subject: _Subject) -> str:
        seen = self._standings[subject.key].seen
        return f"{'/'.join(subject.key)} ({subject.ref} is {seen.state.lower() if seen else 'unknown'})"

    def _open(self) -> Iterator[_Subject]:
        """The open previews of known projects: of others it is not known whose pull request they are."""
        for key, known in self._watches.previews.store.items():
            project = self._watches.projects.store.get((key[0], known.spec.project))
            if known.is_open and project is not None:
                yield _Subject(key, known, project)

    def _due(self) -> Iterator[_Subject]:
        for each in self._open():
            last = self._attempt(each.key)
            is_news = (last.uid, last.generation, last.hint) != self._occasion(each)
            if is_news or self._now() - last.at >= self._interval_s:
                yield each

    def _occasion(self, subject: _Subject) -> tuple[str, int, str]:
        """Why it is read: another version of its spec, or word from GitHub."""
        return subject.uid, subject.known.metadata.generation, self._hint(subject)

    def _hint(self, subject: _Subject) -> str:
        return self._watches.hint(subject.ref.repository, subject.ref.number)

    def _attempt(self, key: Key) -> _Attempt:
        return self._attempts.get(key, _Attempt())

    def _closed_lately(self) -> int:
        while self._closed_at and self._now() - self._closed_at[0] > _ONE_PASS_S:
            self._closed_at.popleft()
        return len(self._closed_at)

    def _forget(self) -> None:
        is_open = {each.key for each in self._open()}
        self._standings = {key: value for key, value in self._standings.items() if key in is_open}
        self._attempts = {key: value for key, value in self._attempts.items() if key in is_open}
        self._open_hints = {key: value for key, value in self._open_hints.items() if key in is_open}

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
