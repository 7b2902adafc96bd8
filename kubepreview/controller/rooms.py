"""Gives out slots, in each project and in the cluster: no two previews are promised the same one.

What is promised is on record in each Preview's status. Until the watch has told us of that, it is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubepreview.controller.watches import KnownPreview, Watches
from kubepreview.core.room import Guest, Room, Standing, room
from kubepreview.kube.store import Key


class Rooms:
    """The slots of all projects. `in_cluster`: how many there are in all; 0 is no limit."""

    def __init__(self, watches: Watches, in_cluster: int = 0) -> None:
        self._watches = watches
        self._in_cluster = in_cluster
        self._promised: set[Key] = set()

    def is_limited(self, in_project: int) -> bool:
        """Whether anybody could have to wait."""
        return bool(in_project or self._in_cluster)

    def ask(self, preview: Key, in_project: int) -> Room:
        """The room in which this preview has the later place; a place of 0 is a promise."""
        self._promised = {key for key in self._promised if self._is_news(key)}
        guests = list(self._guests(preview))
        of_project = (each for each in guests if each.key[0] == preview[0])
        rooms = room(of_project, in_project), room(guests, self._in_cluster)
        found = max(rooms, key=lambda each: each.place(preview))
        if not found.place(preview):
            self._promised.add(preview)
        return found

    def leave(self, preview: Key) -> None:
        """It needs no slot any more."""
        self._promised.discard(preview)

    def _is_news(self, key: Key) -> bool:
        known = self._watches.previews.store.get(key)
        return known is not None and known.is_open and not known.holds_slot

    def _guests(self, asking: Key) -> Iterator[Guest]:
        for key, known in self._watches.previews.store.items():
            if known.is_open:
                standing = self._standing(key, known, asking)
                yield Guest(key=key, author=known.author, standing=standing, since=known.waits_since)

    def _standing(self, key: Key, known: KnownPreview, asking: Key) -> Standing:
        if known.holds_slot or key in self._promised:
            return "Neither" if known.has_failed and key != asking else "Holds"
        return "Waits" if key == asking or known.waits_since else "Neither"
