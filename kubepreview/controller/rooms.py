"""Gives out slots, one project at a time: no two previews are promised the same one.

What is promised is on record in each Preview's status. Until the watch has told us of that, it is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubepreview.controller.watches import KnownPreview, Watches
from kubepreview.core.room import Guest, Room, Standing, room
from kubepreview.kube.store import Key


class Rooms:
    """The slots of all projects."""

    def __init__(self, watches: Watches) -> None:
        self._watches = watches
        self._promised: set[Key] = set()

    def ask(self, preview: Key, limit: int) -> Room:
        """The room as it is with this preview in it; a place of 0 is a promise."""
        self._promised = {key for key in self._promised if self._is_news(key)}
        found = room(self._guests(preview), limit)
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
            if key[0] == asking[0] and known.is_open:
                yield Guest(
                    key=key,
                    author=known.author,
                    standing=self._standing(key, known, asking),
                    since=known.waits_since,
                )

    def _standing(self, key: Key, known: KnownPreview, asking: Key) -> Standing:
        if known.holds_slot or key in self._promised:
            return "Neither" if known.has_failed and key != asking else "Holds"
        return "Waits" if key == asking or known.waits_since else "Neither"
