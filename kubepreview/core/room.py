"""Who of a project's previews may have pods, and in which order the others wait.

A slot is held by a preview that has pods and may keep them. One that sleeps gives its slot back, and so does
one that has failed, although its pods are left to be looked at. The next slot goes to the author who has the
fewest of those that hold or come before; among his, to the one that has waited longest.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

Key = tuple[str, str]
Standing = Literal["Holds", "Waits", "Neither"]


class Guest(Struct, frozen=True, kw_only=True):
    """One open preview. `since`: when it began to wait; None for only now."""

    key: Key
    author: str
    standing: Standing
    since: dt.datetime | None = None


class Room(Struct, frozen=True, kw_only=True):
    """The slots of a project, or of the cluster: who holds one, and who waits, the next first."""

    limit: int
    holders: tuple[Key, ...]
    queue: tuple[Key, ...]

    def place(self, key: Key) -> int:
        """0 for one that has, or may take, a slot; else how many have to be served until it is its turn."""
        if not self.limit or key not in self.queue:
            return 0
        free = max(self.limit - len(self.holders), 0)
        return max(self.queue.index(key) + 1 - free, 0)

    def told(self, key: Key) -> str:
        """Why it waits, for people."""
        held = ", ".join(name for _, name in self.holders) or "nobody"
        return (
            f"place {self.place(key)} of {len(self.queue)} in the queue: {held} hold "
            f"{len(self.holders)} of {self.limit} slots; one that closes, sleeps or fails frees its own"
        )


def room(guests: Iterable[Guest], limit: int) -> Room:
    """The order in which they are served. It follows from the guests alone, whoever asks."""
    everybody = sorted(guests, key=_arrival)
    holders = [each for each in everybody if each.standing == "Holds"]
    waiting = [each for each in everybody if each.standing == "Waits"]
    return Room(
        limit=limit,
        holders=tuple(each.key for each in holders),
        queue=tuple(_fair(waiting, Counter(each.author for each in holders))),
    )


def _fair(waiting: Sequence[Guest], served: Mapping[str, int]) -> Iterable[Key]:
    counted, left = Counter(served), list(waiting)
    while left:
        # The first of the equal ones: they are in the order of their arrival.
        following = min(left, key=lambda each: counted[each.author])
        counted[following.author] += 1
        left.remove(following)
        yield following.key


def _arrival(guest: Guest) -> tuple[bool, str, Key]:
    return guest.since is None, guest.since.isoformat() if guest.since else "", guest.key
