"""Two controllers: the one that was frozen, or is gone, is followed by the other, and does no more."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from kubepreview.core import keys
from kubepreview.kube.resources import LEASES
from kubepreview.kube.wait import wait_until
from tests.cluster.faults import life, outside
from tests.cluster.faults.life import Life
from tests.cluster.faults.proxy import Fault, FaultProxy, Kill, Request, pass_all
from tests.cluster.faults.scene import administrator, behind_a_proxy, faults_of
from tests.cluster.team import Team
from tests.cluster.witness import watching

_NUMBER = 8000
# A successor leads within so long.
_FAILOVER_S = 20.0


async def _holder(one: Life) -> str:
    lease = await one.client.get(LEASES, keys.CONTROLLER, keys.SYSTEM_NAMESPACE)
    return str(lease["spec"].get("holderIdentity", ""))


def _at_the_first_write_into(space: str) -> Callable[[Request], Fault | None]:
    def judge(request: Request) -> Fault | None:
        is_meant = request.method == "PATCH" and f"/namespaces/{space}/deployments/" in request.path
        return Kill() if is_meant else None

    return judge


@pytest.mark.timeout(300)
async def test_a_leader_that_was_frozen_does_nothing_that_it_remembers(doomed: Team, tmp_path: Path) -> None:
    """It froze while it wrote; what that was for is gone when it goes on, and it only asks for the lease.

    Then the successor is gone, too, and within twenty seconds the first one leads again.
    """
    with watching(doomed.cluster) as witness:
        async with (
            outside.resting(doomed),
            administrator(doomed) as client,
            behind_a_proxy(doomed, "first", tmp_path) as (proxy, first),
            behind_a_proxy(doomed, "second", tmp_path) as (_, second),
            first.running(),
        ):
            one = Life(doomed, client, _NUMBER)
            await one.go(life.UP)
            async with second.running():
                proxy.kill = lambda: first.send(signal.SIGSTOP)
                proxy.judge = _at_the_first_write_into(one.space)
                await one.go(life.UPDATE)
                successor = await _holder(one)
                await one.go(life.DOWN)

                proxy.judge, before = pass_all, len(proxy.requests)
                first.send(signal.SIGCONT)
                await _asks_for_the_lease(proxy, before)
                written = [
                    each for each in proxy.requests[before:] if each.method != "GET" and not _is_lease(each)
                ]

            await wait_until(lambda: _is_led_by(one, "first"), what="the first leads", timeout_s=_FAILOVER_S)
            later = Life(doomed, client, _NUMBER + 1)
            for deed in (life.UP, life.DOWN):
                await later.go(deed)
            await asyncio.gather(one.forget(), later.forget())

    assert successor == "second"
    assert written == []
    assert first.starts == 1
    assert faults_of(doomed, witness) == []


def _is_lease(request: Request) -> bool:
    return request.path.endswith(f"/leases/{keys.CONTROLLER}")


async def _asks_for_the_lease(proxy: FaultProxy, before: int) -> None:
    """Twice: it has begun anew, and has not been given it."""

    async def look() -> bool | None:
        asked = [each for each in proxy.requests[before:] if _is_lease(each) and each.method == "GET"]
        return len(asked) >= 2 or None

    await wait_until(look, what="the one that was frozen asks for the lease", timeout_s=30)


async def _is_led_by(one: Life, identity: str) -> bool | None:
    return await _holder(one) == identity or None
