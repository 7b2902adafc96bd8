"""The latest objects by key, as last seen. No I/O: `watch` fills it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")

Key: TypeAlias = tuple[str, str]
"""Namespace and name; the namespace is empty for what lives in the cluster."""


class Store(Mapping[Key, T], Generic[T]):
    """A mapping from key to object that tells which keys a change touched."""

    def __init__(self) -> None:
        self._objects: dict[Key, T] = {}
        self._versions: dict[Key, str] = {}

    def __getitem__(self, key: Key) -> T:
        return self._objects[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def put(self, key: Key, version: str, obj: T) -> bool:
        """Keep it; False if this very version was kept already."""
        if self._versions.get(key) == version:
            return False
        self._objects[key], self._versions[key] = obj, version
        return True

    def drop(self, key: Key) -> bool:
        """Forget it; False if it was not known."""
        self._objects.pop(key, None)
        return self._versions.pop(key, None) is not None

    def replace(self, entries: Mapping[Key, tuple[str, T]]) -> set[Key]:
        """Make it hold exactly these; the keys that are new, changed or gone."""
        touched = {key for key in self._objects if key not in entries}
        for key in touched:
            self.drop(key)
        touched |= {key for key, (version, obj) in entries.items() if self.put(key, version, obj)}
        return touched
