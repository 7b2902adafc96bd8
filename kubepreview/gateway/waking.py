"""Tells the controller of visitors: one patch of a Lease for all who come within a moment, rationed."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from msgspec import Struct

from kubepreview.core import gateway, keys
from kubepreview.core.gatekeeping import Bucket, Ration
from kubepreview.core.gateway import Sleeper
from kubepreview.errors import KubepreviewError
from kubepreview.kube.client import Client
from kubepreview.kube.resources import LEASES

log = structlog.stdlib.get_logger()

# Whoever comes within this time after a knock is told of by it; a knock that failed is tried again sooner.
QUIET_S: Final = 5.0
_AFTER_FAILURE_S: Final = 1.0


class Rations(Struct, frozen=True, kw_only=True):
    """How often previews may be woken, so that anonymous traffic does not wake them all at once."""

    per_host: Ration = Ration(burst=3, per_minute=6)
    overall: Ration = Ration(burst=10, per_minute=30)


def teller(
    cluster: Client, identity: str, wall: Callable[[], dt.datetime]
) -> Callable[[str], Coroutine[Any, Any, None]]:
    """Tells the controller that somebody came, by the name of the sleeper."""

    async def tell(name: str) -> None:
        knock = gateway.knock(identity, wall().strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        await cluster.patch(LEASES, name, knock, keys.GATEWAY_NAMESPACE)

    return tell


class Waker:
    """Knocks, on behalf of visitors: `tell` does, in a task of the `group`. `now` is a monotonic clock."""

    def __init__(
        self,
        tell: Callable[[str], Coroutine[Any, Any, None]],
        rations: Rations,
        group: asyncio.TaskGroup,
        now: Callable[[], float],
    ) -> None:
        self._tell, self._rations, self._group, self._now = tell, rations, group, now
        self._overall = Bucket(rations.overall)
        self._by_name: dict[str, Bucket] = {}
        self._quiet_until: dict[str, float] = {}
        self._knocking: dict[str, asyncio.Task[None]] = {}

    async def knock(self, sleeper: Sleeper) -> float:
        """Tell of a visitor. Returns 0, or after how many seconds he may be told of where there are too many.

        An apiserver that cannot be told now is told by the next knock, for as long as somebody waits.
        """
        now = self._now()
        if self._quiet_until.get(sleeper.name, 0.0) > now:
            return 0.0
        if sleeper.name not in self._knocking:
            if wait_s := self._take(sleeper.name, now):
                return wait_s
            task = self._group.create_task(self._knock(sleeper.name))
            self._knocking[sleeper.name] = task
            task.add_done_callback(lambda _: self._knocking.pop(sleeper.name, None))
        await asyncio.shield(self._knocking[sleeper.name])
        return 0.0

    def _take(self, name: str, now: float) -> float:
        self._forget(now)
        buckets = self._by_name.setdefault(name, Bucket(self._rations.per_host)), self._overall
        wait_s = max(bucket.wait_s(now) for bucket in buckets)
        if not wait_s:
            for bucket in buckets:
                bucket.take(now)
        return wait_s

    def _forget(self, now: float) -> None:
        """What remembers nothing any more; previews come and go for as long as this process lives."""
        self._by_name = {name: each for name, each in self._by_name.items() if not each.is_full(now)}
        self._quiet_until = {name: until for name, until in self._quiet_until.items() if until > now}

    async def _knock(self, name: str) -> None:
        quiet_s = QUIET_S
        try:
            await self._tell(name)
        except KubepreviewError as error:
            quiet_s = _AFTER_FAILURE_S
            log.warning("could not tell of a visitor", preview=name, error=error.message)
        self._quiet_until[name] = self._now() + quiet_s
