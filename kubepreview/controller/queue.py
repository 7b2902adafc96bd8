"""Which preview to look at next: each key once, one worker a key, rest, back-off, fairness between projects.

`Agenda` decides and is told the time; `WorkQueue` lets workers wait for it.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict, deque
from typing import Final

from kubepreview.kube.store import Key

_FIRST_RETRY_S: Final = 0.2
_LONGEST_RETRY_S: Final = 60.0
# Doubling sixteen times is past the longest; a larger exponent only makes larger numbers.
_MOST_DOUBLINGS: Final = 16


class Agenda:
    """Keys with the time at which each is due. All times are seconds of one monotonic clock.

    A key that is being worked on is not handed out again until `done`, and then not before it has rested;
    what is added meanwhile waits.
    Projects (the first part of a key) take turns, so that one with many previews does not starve another.
    """

    def __init__(self) -> None:
        self._due_at: dict[Key, float] = {}
        self._working: set[Key] = set()
        self._rests_until: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._turns: OrderedDict[str, deque[Key]] = OrderedDict()
        self._waiting: set[Key] = set()

    def __len__(self) -> int:
        return len(self._due_at) + len(self._waiting)

    def add(self, key: Key, due_at: float) -> None:
        """Look at `key` at that time, or earlier if it is already to be looked at earlier."""
        if key not in self._waiting:
            earliest = min(due_at, self._due_at.get(key, due_at))
            self._due_at[key] = max(earliest, self._rests_until.get(key, earliest))

    def next_due_at(self) -> float | None:
        """When the next key that nobody works on is due; None when there is none."""
        if self._waiting:
            return 0.0
        return min((at for key, at in self._due_at.items() if key not in self._working), default=None)

    def take(self, now: float) -> Key | None:
        """A key that is due, which is then being worked on; None when there is none."""
        self._line_up(now)
        if not self._turns:
            return None
        project, line = self._turns.popitem(last=False)
        key = line.popleft()
        if line:
            self._turns[project] = line
        self._waiting.discard(key)
        self._working.add(key)
        return key

    def done(self, key: Key, rests_until: float) -> None:
        """The key went well: from then on it may be handed out again, and its failures are forgotten."""
        self._working.discard(key)
        self._failures.pop(key, None)
        self._rests_until[key] = rests_until
        if key in self._due_at:
            self.add(key, self._due_at[key])

    def failed(self, key: Key, now: float, spread: float) -> float:
        """The key went wrong: look again after a pause that doubles; `spread` in 0..1 shortens it by half.

        Returns the pause in seconds.
        """
        self._working.discard(key)
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        doubled = _FIRST_RETRY_S * float(2 ** min(count, _MOST_DOUBLINGS))
        pause = min(doubled, _LONGEST_RETRY_S) * (1 - spread / 2)
        self.add(key, now + pause)
        return pause

    def _line_up(self, now: float) -> None:
        self._rests_until = {key: until for key, until in self._rests_until.items() if until > now}
        ready = [key for key, at in self._due_at.items() if at <= now and key not in self._working]
        for key in sorted(ready, key=self._due_at.__getitem__):
            del self._due_at[key]
            self._waiting.add(key)
            self._turns.setdefault(key[0], deque()).append(key)


class WorkQueue:
    """An agenda that workers can wait for."""

    def __init__(self) -> None:
        self._agenda = Agenda()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._agenda)

    def add(self, key: Key, after_s: float = 0.0) -> None:
        """Look at `key` after so many seconds, or earlier."""
        self._agenda.add(key, self._now() + after_s)
        self._changed.set()

    async def take(self) -> Key:
        """The next key that is due; waits for as long as it takes."""
        while True:
            key = self._agenda.take(self._now())
            if key is not None:
                # There may be more for the next worker.
                self._changed.set()
                return key
            self._changed.clear()
            due_at = self._agenda.next_due_at()
            try:
                async with asyncio.timeout_at(due_at):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: Key, rest_s: float = 0.0) -> None:
        """The visit went well; the next one is not sooner than so many seconds from now."""
        self._agenda.done(key, self._now() + rest_s)
        self._changed.set()

    def failed(self, key: Key) -> float:
        """The visit went wrong; returns after how many seconds it is tried again."""
        pause = self._agenda.failed(key, self._now(), random.random())  # noqa: S311 — spread, not a secret
        self._changed.set()
        return pause

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
