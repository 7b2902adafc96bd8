"""Which hosts the gateway answers for, and who waits for which. All that is known comes from one watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from kubepreview.core.gateway import Sleeper, sleeper_of
from kubepreview.kube.store import Key

# The ingress follows a moment later: for so long requests still come for a host that was given back.
_REMEMBERED_S: Final = 30.0


class _Metadata(msgspec.Struct, frozen=True):
    annotations: dict[str, str] = msgspec.field(default_factory=dict)


class Known(msgspec.Struct, frozen=True):
    """The part of an Ingress that is read."""

    metadata: _Metadata


class Hosts:
    """Host to sleeper. `changed` is told by the watch; `find` and `next_change` serve requests."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._by_key: dict[Key, Sleeper] = {}
        self._by_host: dict[str, Sleeper] = {}
        self._given_back: dict[str, tuple[Sleeper, float]] = {}
        self._changes: dict[str, asyncio.Event] = {}

    def __len__(self) -> int:
        return len(self._by_host)

    def find(self, host: str) -> Sleeper | None:
        """The preview of this host, also for a moment after it has a route of its own."""
        if sleeper := self._by_host.get(host):
            return sleeper
        sleeper, until = self._given_back.get(host, (None, 0.0))
        return sleeper if self._now() < until else None

    def changed(self, key: Key, known: Known | None) -> None:
        """The Ingress of this key is as `known` now, or is gone."""
        before = self._by_key.pop(key, None)
        sleeper = sleeper_of(known.metadata.annotations) if known else None
        if before and (sleeper is None or sleeper.host != before.host):
            self._by_host.pop(before.host, None)
            self._remember(before)
            self._tell(before.host)
        if sleeper:
            self._by_key[key] = self._by_host[sleeper.host] = sleeper
            self._given_back.pop(sleeper.host, None)
            self._tell(sleeper.host)

    def next_change(self, host: str) -> asyncio.Event:
        """Set when something is told of this host. Ask for it before the look whose news it waits for."""
        return self._changes.setdefault(host, asyncio.Event())

    def _remember(self, sleeper: Sleeper) -> None:
        now = self._now()
        self._given_back = {host: each for host, each in self._given_back.items() if each[1] > now}
        if sleeper.endpoints:
            self._given_back[sleeper.host] = sleeper, now + _REMEMBERED_S

    def _tell(self, host: str) -> None:
        if event := self._changes.pop(host, None):
            event.set()
