"""Which preview may have pods, from what the watch has told."""

from __future__ import annotations

import msgspec

from kubepreview.controller.queue import WorkQueue
from kubepreview.controller.rooms import Rooms
from kubepreview.controller.watches import KnownPreview, Watches
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials

_ADA, _BOB, _OTHER = ("a", "pr-1"), ("a", "pr-2"), ("b", "pr-3")


async def _watches(told: dict[tuple[str, str], Object]) -> Watches:
    async with Client(Credentials(server="http://127.0.0.1:1")) as client:
        watches = Watches(client, WorkQueue())
    for key, status in told.items():
        _tell(watches, key, status)
    return watches


def _tell(watches: Watches, key: tuple[str, str], status: Object, state: str = "Open") -> None:
    known = {
        "metadata": {},
        "spec": {"state": state, "pullRequest": {"number": 7, "author": key[1]}},
        "status": status,
    }
    version = str(len(msgspec.json.encode(known)))
    watches.previews.store.put(key, version, msgspec.convert(known, KnownPreview))


async def test_a_slot_is_promised_once_also_before_the_watch_tells_of_it() -> None:
    """The second who asks in the same moment waits; until the first is closed."""
    watches = await _watches({_ADA: {}, _BOB: {}})
    rooms = Rooms(watches)

    first, second = rooms.ask(_BOB, 1).place(_BOB), rooms.ask(_ADA, 1).place(_ADA)
    _tell(watches, _BOB, {}, state="Closed")
    third = rooms.ask(_ADA, 1).place(_ADA)

    assert (first, second, third) == (0, 1, 0)


async def test_the_clusters_slots_are_shared_by_all_projects() -> None:
    """Whoever has a slot in his project may still have to wait for one in the cluster, and hears of whom."""
    watches = await _watches({_ADA: {"slot": {"held": True}}, _OTHER: {}})

    alone, together = Rooms(watches), Rooms(watches, in_cluster=1)

    assert not alone.is_limited(0)
    assert together.is_limited(0)
    assert alone.ask(_OTHER, 5).place(_OTHER) == 0
    found = together.ask(_OTHER, 5)
    assert found.place(_OTHER) == 1
    assert "pr-1 hold 1 of 1 slots" in found.told(_OTHER)


async def test_who_had_pods_before_there_were_slots_keeps_them() -> None:
    """One that sleeps, or has failed, holds none."""
    running: Object = {"appliedSha": "a" * 40}
    asleep: Object = {**running, "sleep": {"asleep": True}}
    failed: Object = {"slot": {"held": True}, "failure": {"object": "Pod/web"}}

    for status, place in ((running, 1), (asleep, 0), (failed, 0)):
        watches = await _watches({_ADA: status, _BOB: {}})
        assert Rooms(watches).ask(_BOB, 1).place(_BOB) == place
