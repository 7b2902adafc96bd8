"""Requests that wait for their preview to wake: how many may, for how long, and what ends it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from msgspec import Struct

from kubepreview.core.gateway import Sleeper
from kubepreview.gateway.replies import Reply, not_yet
from kubepreview.gateway.table import Hosts
from kubepreview.gateway.waking import Waker

# Without any news it may be that the apiserver could not be told, or that it has fallen asleep again.
_LOOK_AGAIN_S: Final = 2.0


class HoldLimits(Struct, frozen=True, kw_only=True):
    """`hold_s`: below the 60 s after which ingress controllers give a request up."""

    hold_s: float = 45.0
    held: int = 500
    held_per_host: int = 100


class Holding:
    """Whoever waits."""

    def __init__(self, hosts: Hosts, waker: Waker, limits: HoldLimits) -> None:
        self._hosts, self._waker, self._limits = hosts, waker, limits
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._held.total()

    async def until_awake(self, host: str, sleeper: Sleeper) -> Sleeper | Reply:
        """The preview as it can be asked, or what to answer instead."""
        limits = self._limits
        if self._held[host] >= limits.held_per_host or len(self) >= limits.held:
            return not_yet(sleeper, "too many requests wait already")
        with self._counted(host):
            try:
                async with asyncio.timeout(limits.hold_s):
                    return await self._wait(host, sleeper)
            except TimeoutError:
                last = self._hosts.find(host) or sleeper
                return not_yet(last, f"it did not wake within {limits.hold_s:g} s, and goes on trying")

    @contextmanager
    def _counted(self, host: str) -> Iterator[None]:
        self._held[host] += 1
        try:
            yield
        finally:
            self._held[host] -= 1
            if not self._held[host]:
                del self._held[host]

    async def _wait(self, host: str, sleeper: Sleeper) -> Sleeper | Reply:
        has_knocked = False
        while True:
            change = self._hosts.next_change(host)
            now = self._hosts.find(host)
            if now is None:
                return not_yet(sleeper, "it has just moved", after_s=1.0)
            if now.state == "Awake" and now.endpoints:
                return now
            if now.state == "Failed":
                return not_yet(now, now.message)
            if now.state == "Asleep":
                wait_s = await self._waker.knock(now)
                if wait_s and not has_knocked:
                    return not_yet(now, "too many previews are woken at the moment", code=429, after_s=wait_s)
                has_knocked = True
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await change.wait()
