"""Of several contenders one leads, and it has stopped before the next begins."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kubepreview.errors import InvalidInput
from kubepreview.kube.client import Client
from kubepreview.kube.lease import LeaderElection, LeadershipLost
from kubepreview.kube.resources import CONFIGMAPS, LEASES, Object
from kubepreview.kube.store import Key
from kubepreview.kube.wait import NotYet, wait_until
from kubepreview.kube.watch import Reflector

from .controlplane import ControlPlane
from .objects import config_map
from .tcpproxy import wire_to

# Short, so that the tests are; the same proportions as the defaults.
_LEASE_S, _RENEW_S, _RETRY_S = 3.0, 2.0, 0.2


def _wall_clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 — a test is an entry point


@dataclass
class _Throne:
    """Who sits on it, and the order in which they came and went."""

    sitting: set[str] = field(default_factory=set)
    history: list[str] = field(default_factory=list)

    async def reign(self, who: str) -> None:
        """Lead until cancelled."""
        assert not self.sitting, f"{who} leads while {self.sitting} does"
        self.sitting.add(who)
        self.history.append(f"{who} begins")
        try:
            await asyncio.Event().wait()
        finally:
            self.sitting.remove(who)
            self.history.append(f"{who} ends")

    async def wait_for(self, *history: str) -> None:
        """Until this is what has happened."""

        async def look() -> bool:
            if len(self.history) < len(history):
                raise NotYet(str(self.history))
            return True

        await wait_until(look, what=f"history {history}", timeout_s=20)
        assert [re.sub(r" does not hold lease.*", " lost", each) for each in self.history] == list(history)


def _contender(
    client: Client, namespace: str, who: str, now: Callable[[], datetime] = _wall_clock
) -> LeaderElection:
    return LeaderElection(
        client,
        namespace,
        "controller",
        who,
        lease_duration_s=_LEASE_S,
        renew_deadline_s=_RENEW_S,
        retry_period_s=_RETRY_S,
        now=now,
    )


@asynccontextmanager
async def _contending(election: LeaderElection, throne: _Throne) -> AsyncIterator[asyncio.Task[None]]:
    async def contend() -> None:
        try:
            await election.hold(lambda: throne.reign(election.identity))
        except LeadershipLost as lost:
            throne.history.append(str(lost))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(contend())
        yield task
        task.cancel()


async def test_only_one_leads_and_a_clean_stop_hands_over(client: Client, namespace: str) -> None:
    """While one leads the other waits; when the first stops, the second begins at once."""
    throne = _Throne()
    second = _contender(client, namespace, "second")
    async with _contending(_contender(client, namespace, "first"), throne) as first:
        await throne.wait_for("first begins")
        async with _contending(second, throne):
            # Longer than a whole lease: renewals are what keeps the second out.
            await asyncio.wait({first}, timeout=_LEASE_S * 1.5)
            assert throne.history == ["first begins"]
            first.cancel()
            await throne.wait_for("first begins", "first ends", "second begins")
            lease = await client.get(LEASES, "controller", namespace)

    assert lease["spec"]["holderIdentity"] == "second"
    assert lease["spec"]["leaseTransitions"] == 2
    released = await client.get(LEASES, "controller", namespace)
    assert "holderIdentity" not in released["spec"]


async def test_lead_returns_and_fails_as_it_was_written(client: Client, namespace: str) -> None:
    """What `lead` raises is raised by `hold` as it is, and either way the lease is free again."""

    async def done() -> None:
        return

    async def fail() -> None:
        raise ZeroDivisionError

    election = _contender(client, namespace, "one")
    await election.hold(done)
    with pytest.raises(ZeroDivisionError):
        await election.hold(fail)
    async with asyncio.timeout(_LEASE_S / 2):
        await _contender(client, namespace, "two").hold(done)


async def test_a_leader_that_is_cut_off_stops_before_another_begins(
    apiserver: ControlPlane, client: Client, namespace: str
) -> None:
    """A leader whose connection falls silent is cancelled before its lease can be taken."""
    throne = _Throne()
    async with wire_to(apiserver.port) as wire:
        cut_off = Client(replace(client.credentials, server=f"https://127.0.0.1:{wire.port}"))
        first = _contender(cut_off, namespace, "first")
        async with cut_off, _contending(first, throne):
            await throne.wait_for("first begins")
            async with _contending(_contender(client, namespace, "second"), throne):
                wire.silence()
                await throne.wait_for("first begins", "first ends", "first lost", "second begins")
                with pytest.raises(LeadershipLost):
                    first.check()


@asynccontextmanager
async def _child(
    apiserver: ControlPlane, namespace: str, tmp_path: Path, freezes: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A contender in a process of its own, which writes the ConfigMap `crown` while it leads."""
    kubeconfig = apiserver.write_kubeconfig(tmp_path / "kubeconfig")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("contender.py")),
        *(str(kubeconfig), namespace, freezes, str(_LEASE_S), str(_RENEW_S), str(_RETRY_S)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.communicate()


@pytest.mark.parametrize("freezes", ["acting", "waiting"])
async def test_a_leader_that_was_frozen_does_not_act_again(
    apiserver: ControlPlane, client: Client, namespace: str, tmp_path: Path, freezes: str
) -> None:
    """A process that is frozen past its lease writes nothing after it wakes, and knows that it lost."""
    crowns: list[str] = []

    def note(key: Key) -> None:
        crowns.append(reflector.store[key]["data"]["who"])

    reflector = Reflector[Object](client, CONFIGMAPS, namespace=namespace, on_change=note)
    second = _contender(client, namespace, "second")

    async def write() -> None:
        guarded = client.guarded_by(second.check)
        while True:
            # A number, so that each write is seen.
            crown = config_map(namespace, "crown", who="second", nth=str(len(crowns)))
            await guarded.apply(crown, manager="throne")
            await asyncio.sleep(0.02)

    async with _child(apiserver, namespace, tmp_path, freezes) as child, asyncio.TaskGroup() as group:

        async def is_frozen() -> bool | None:
            return _state(child.pid) == "T" or None

        async def has_followed() -> bool | None:
            return "second" in crowns or None

        reflecting = group.create_task(reflector.run())
        await wait_until(is_frozen, what="the child leads, and is frozen", timeout_s=20)
        leading = group.create_task(second.hold(write))
        await wait_until(has_followed, what="the second leads", timeout_s=20)
        child.send_signal(signal.SIGCONT)
        async with asyncio.timeout(20):
            said, _ = await child.communicate()
        leading.cancel()
        reflecting.cancel()

    assert b"lost: child does not hold lease" in said
    assert crowns[0] == "child"
    assert set(crowns[1:]) == {"second"}


def _state(pid: int) -> str:
    return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0]


async def test_a_killed_leader_is_followed(
    apiserver: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    """After a leader is killed another takes over; it had waited for the lease to run out, and no less."""
    async with _child(apiserver, namespace, tmp_path, "never") as child:
        await wait_until(
            lambda: client.find(CONFIGMAPS, "crown", namespace), what="the child leads", timeout_s=20
        )
        child.kill()
    before = await client.get(LEASES, "controller", namespace)
    throne = _Throne()
    async with _contending(_contender(client, namespace, "second"), throne):
        await throne.wait_for("second begins")
        after = await client.get(LEASES, "controller", namespace)

    assert before["spec"]["holderIdentity"] == "child"
    assert after["spec"]["holderIdentity"] == "second"
    waited = _time(after["spec"]["acquireTime"]) - _time(before["spec"]["renewTime"])
    assert waited >= timedelta(seconds=_LEASE_S)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("skew", [timedelta(hours=-3), timedelta(hours=3)])
async def test_clocks_that_disagree_do_no_harm(client: Client, namespace: str, skew: timedelta) -> None:
    """A contender whose wall clock is hours off neither usurps a lease nor waits for hours."""
    throne = _Throne()
    async with _contending(_contender(client, namespace, "first"), throne) as first:
        await throne.wait_for("first begins")
        skewed = _contender(client, namespace, "second", lambda: _wall_clock() + skew)
        async with _contending(skewed, throne):
            await asyncio.wait({first}, timeout=_LEASE_S * 1.5)
            assert throne.history == ["first begins"]
            first.cancel()
            await throne.wait_for("first begins", "first ends", "second begins")


async def test_a_lease_that_was_taken_away_ends_the_reign(client: Client, namespace: str) -> None:
    """Another name in the lease, whoever wrote it, ends the leader's work, and stays there."""
    throne = _Throne()
    async with _contending(_contender(client, namespace, "first"), throne):
        await throne.wait_for("first begins")
        usurped = {"spec": {"holderIdentity": "somebody"}}
        await client.patch(LEASES, "controller", usurped, namespace)
        await throne.wait_for("first begins", "first ends", "first lost")

    lease = await client.get(LEASES, "controller", namespace)
    assert lease["spec"]["holderIdentity"] == "somebody"


async def test_a_lease_that_is_deleted_ends_the_reign(client: Client, namespace: str) -> None:
    """Without its lease a leader does not go on, since the next one would see it free."""
    throne = _Throne()
    async with _contending(_contender(client, namespace, "first"), throne):
        await throne.wait_for("first begins")
        await client.delete(LEASES, "controller", namespace)
        await throne.wait_for("first begins", "first ends", "first lost")


async def test_a_restarted_apiserver_does_not_end_a_reign(
    apiserver: ControlPlane, client: Client, namespace: str
) -> None:
    """A connection that breaks and comes back within the deadline costs nothing."""
    throne = _Throne()
    async with wire_to(apiserver.port) as wire:
        shaky = Client(replace(client.credentials, server=f"https://127.0.0.1:{wire.port}"))
        async with shaky, _contending(_contender(shaky, namespace, "first"), throne):
            await throne.wait_for("first begins")
            before = await client.get(LEASES, "controller", namespace)
            wire.refuse()

            async def is_renewed() -> bool | None:
                wire.mend()
                lease = await client.get(LEASES, "controller", namespace)
                return lease["spec"]["renewTime"] > before["spec"]["renewTime"] or None

            await wait_until(is_renewed, what="the lease is renewed", timeout_s=10)
            assert throne.history == ["first begins"]


def test_times_that_cannot_be_safe_are_refused(client_without_server: Client) -> None:
    """A leader must give up before others may take over."""
    with pytest.raises(InvalidInput, match="needs lease_duration_s > renew_deadline_s"):
        LeaderElection(
            client_without_server, "a", "b", "c", lease_duration_s=5, renew_deadline_s=10, now=_wall_clock
        )
