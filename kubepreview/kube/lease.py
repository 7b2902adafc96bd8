"""Leader election: of several replicas, one acts, and it stops before another may begin.

A leader counts from the moment *before* it sent the last renewal that succeeded: it stops after
`renew_deadline_s` by its own monotonic clock. A contender counts from the moment *after* it saw the
lease change: it takes over `lease_duration_s` later by its own. Neither reads the other's time, so
clocks that disagree do no harm, and the first count always ends before the second. After a crash another one
leads within `lease_duration_s` and twice `retry_period_s`: once until it saw the last renewal, once until it
looks again.

A process that was frozen past its deadline learns so on waking: work that waits is cancelled by the
same timer that would have cancelled it in time, and work that was running meets `check`, given to
`Client.guarded_by`, before its next request. Only a process that was frozen between that check and the
write to the socket, less than a millisecond, sends one more; so what is written must bear repeating.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from kubepreview.errors import Conflict, Failed, InvalidInput, KubepreviewError, NotFound, Unreachable
from kubepreview.kube.client import Client
from kubepreview.kube.resources import LEASES, Object
from kubepreview.kube.together import as_one


class LeadershipLost(Failed):
    """The lease was not renewed in time, or taken away; whatever was being done has been cancelled."""


class LeaderElection:
    """One contender for one Lease. `identity` is this process's alone: a pod's name and a random tail."""

    def __init__(  # noqa: PLR0913 — whose lease, and its three times, which belong together
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        lease_duration_s: float = 12,
        renew_deadline_s: float = 8,
        retry_period_s: float = 2,
        now: Callable[[], datetime],
    ) -> None:
        if not lease_duration_s > renew_deadline_s > retry_period_s > 0:
            raise InvalidInput(
                f"lease {namespace}/{name}: needs lease_duration_s > renew_deadline_s > retry_period_s > 0, "
                f"not {lease_duration_s:g} > {renew_deadline_s:g} > {retry_period_s:g}"
            )
        self._client = client
        self._namespace = namespace
        self._name = name
        self.identity = identity
        # The API takes whole seconds. Rounded up: it is what the others wait for.
        self._duration_s = math.ceil(lease_duration_s)
        self._renew_deadline_s = renew_deadline_s
        self._retry_period_s = retry_period_s
        self._now = now
        self._lease: Object = {}
        self._changed_at = 0.0
        self._valid_until = -math.inf
        self.trouble: Exception | None = None

    @property
    def is_leading(self) -> bool:
        """True while nobody else can have taken the lease."""
        return asyncio.get_running_loop().time() < self._valid_until

    def check(self) -> None:
        """LeadershipLost unless we lead at this very moment: for `Client.guarded_by`."""
        if not self.is_leading:
            raise self._lost()

    async def hold(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Wait to become leader, run `lead`, and give the lease back when it returns or fails.

        LeadershipLost, once `lead` has been cancelled, if the lease was not renewed in time or taken away.
        """
        await self._acquire()
        try:
            await self._lead(lead)
        finally:
            await self._release()

    async def _acquire(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._attempt_s):
                    if await self._take():
                        return
            except (Unreachable, Conflict, TimeoutError) as error:
                self.trouble = error
            await asyncio.sleep(self._retry_period_s)

    async def _lead(self, lead: Callable[[], Awaitable[None]]) -> None:
        async with as_one() as group:
            leading = group.create_task(_as_coroutine(lead))
            renewing = group.create_task(self._keep_renewing(leading))
            await asyncio.wait({leading})
            renewing.cancel()
        if leading.cancelled():
            raise self._lost() from self.trouble

    async def _keep_renewing(self, leading: asyncio.Task[None]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # A timer of the loop and not of this task: it ends the work even while a renewal hangs.
            end_of_term = loop.call_at(self._valid_until, self._end_term, leading)
            try:
                await asyncio.sleep(self._retry_period_s)
                async with asyncio.timeout(self._attempt_s):
                    await self._renew()
            except (Unreachable, TimeoutError) as error:
                self.trouble = error
            except NotFound as error:
                raise self._taken_away("it was deleted") from error
            finally:
                end_of_term.cancel()

    def _end_term(self, leading: asyncio.Task[None]) -> None:
        self._valid_until = -math.inf
        leading.cancel()

    async def _take(self) -> bool:
        """Take the lease if it is free; False if somebody holds it."""
        found = await self._client.find(LEASES, self._name, self._namespace)
        started = asyncio.get_running_loop().time()
        if found is None:
            self._lease = await self._client.create(LEASES, self._record({}), self._namespace)
        else:
            self._observe(found)
            if not self._is_free(started):
                return False
            self._lease = await self._client.replace(LEASES, self._record(found))
        self._valid_until = started + self._renew_deadline_s
        self.trouble = None
        return True

    async def _renew(self) -> None:
        started = asyncio.get_running_loop().time()
        try:
            renewed = await self._client.replace(LEASES, self._record(self._lease))
        except Conflict as error:
            # Written by another hand; or by ours, when the answer to an earlier renewal was lost.
            found = await self._client.get(LEASES, self._name, self._namespace)
            holder = _spec(found).get("holderIdentity")
            if holder != self.identity:
                raise self._taken_away(f"{holder or 'nobody'} holds it") from error
            renewed = await self._client.replace(LEASES, self._record(found))
        if not self.is_leading:
            raise self._lost()
        self._lease, self._valid_until = renewed, started + self._renew_deadline_s
        self.trouble = None

    async def _release(self) -> None:
        """Let the next one begin at once. If this fails, it has to wait for the lease to run out."""
        if not self.is_leading:
            return
        self._valid_until = -math.inf
        spec = {**_spec(self._lease), "leaseDurationSeconds": 1, "renewTime": self._time()}
        spec.pop("holderIdentity")
        try:
            async with asyncio.timeout(self._attempt_s):
                await self._client.replace(LEASES, {**self._lease, "spec": spec})
        except (KubepreviewError, TimeoutError) as error:
            self.trouble = error

    def _observe(self, found: Object) -> None:
        if not self._lease or _spec(found) != _spec(self._lease):
            self._changed_at = asyncio.get_running_loop().time()
        self._lease = found

    def _is_free(self, at: float) -> bool:
        spec = _spec(self._lease)
        if spec.get("holderIdentity") in {None, "", self.identity}:
            return True
        return at > self._changed_at + float(spec.get("leaseDurationSeconds") or self._duration_s)

    def _record(self, lease: Object) -> Object:
        spec = _spec(lease)
        is_ours = spec.get("holderIdentity") == self.identity
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": lease.get("metadata") or {"namespace": self._namespace, "name": self._name},
            "spec": {
                **spec,
                "holderIdentity": self.identity,
                "leaseDurationSeconds": self._duration_s,
                "acquireTime": spec.get("acquireTime") if is_ours else self._time(),
                "renewTime": self._time(),
                "leaseTransitions": int(spec.get("leaseTransitions") or 0) + (not is_ours),
            },
        }

    def _time(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _lost(self) -> LeadershipLost:
        after = f"; the last trouble was {self.trouble!r}" if self.trouble else ""
        return self._no_longer(f"it was not renewed in {self._renew_deadline_s:g} s{after}")

    def _taken_away(self, how: str) -> LeadershipLost:
        self._valid_until = -math.inf
        return self._no_longer(how)

    def _no_longer(self, why: str) -> LeadershipLost:
        return LeadershipLost(f"{self.identity} does not hold lease {self._namespace}/{self._name}: {why}")

    @property
    def _attempt_s(self) -> float:
        # Two attempts fit into a term, so that one hanging connection does not end it.
        return self._renew_deadline_s / 2


def _spec(lease: Object) -> dict[str, Any]:
    return lease.get("spec") or {}


async def _as_coroutine(lead: Callable[[], Awaitable[None]]) -> None:
    await lead()
