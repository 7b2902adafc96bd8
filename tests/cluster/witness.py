"""Sees everything that happens to previews' objects, in the order in which the apiserver wrote it.

All objects of a cluster share one etcd, so that resource versions of different kinds can be compared: what
was there when an object was created is a matter of numbers, not of looking at the right moment.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

from kubepreview.core import keys
from kubepreview.kube import credentials, lines
from kubepreview.kube.client import Client
from kubepreview.kube.resources import NAMESPACES
from kubepreview.kube.session import Call
from kubepreview.localcluster.cluster import RunningCluster

_PATHS = (
    "/api/v1/namespaces",
    "/api/v1/resourcequotas",
    "/api/v1/limitranges",
    "/api/v1/serviceaccounts",
    "/api/v1/services",
    "/api/v1/configmaps",
    "/api/v1/pods",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/replicasets",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/networking.k8s.io/v1/ingresses",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
)
# What must be there before anything of a pull request is.
_GUARDS = (
    ("ResourceQuota", keys.GUARD),
    ("LimitRange", keys.GUARD),
    ("NetworkPolicy", keys.GUARD),
    ("ServiceAccount", "default"),
    ("ServiceAccount", keys.DEPLOYER),
    ("RoleBinding", keys.DEPLOYER_ROLE),
)
_WATCH_FOR_S = 600
_READY_S = 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One write, by its place in the order of all writes."""

    at: int
    type: str
    kind: str
    space: str
    name: str
    origin: str
    is_terminating: bool


class Witness:
    """What was seen so far. The lists are appended to by another thread, and only ever grow."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def unguarded(self) -> list[str]:
        """Objects of pull requests that were created while a guard was not there, and guards lost early."""
        found = []
        in_order = sorted(self.seen, key=lambda one: one.at)
        # By their objects: in hours there are a hundred thousand writes.
        histories: dict[tuple[str, str, str], list[Seen]] = defaultdict(list)
        for each in in_order:
            histories[each.kind, each.space, each.name].append(each)
        for each in in_order:
            if each.type == "ADDED" and each.origin == keys.ORIGIN_PULL_REQUEST:
                found += [
                    f"{each.space}: {each.kind}/{each.name} without {kind}/{name}"
                    for kind, name in _GUARDS
                    if not _is_there(histories[kind, each.space, name], each.at)
                ]
            if (
                each.type == "DELETED"
                and (each.kind, each.name) in _GUARDS
                and not _is_ending(histories["Namespace", "", each.space], each.at)
            ):
                found.append(f"{each.space}: {each.kind}/{each.name} was deleted before its namespace")
        return found

    def made_too_often(self, most: Mapping[str, int]) -> list[str]:
        """What was created more than once under one name, and more than `most` of a kind in one namespace."""
        made = [each for each in self.seen if each.type == "ADDED"]
        names = Counter((each.space, each.kind, each.name) for each in made if each.kind not in most)
        kinds = Counter((each.space, each.kind) for each in made if each.kind in most)
        doubled = [f"{'/'.join(what)}: {count} times" for what, count in names.items() if count > 1]
        return doubled + [
            f"{'/'.join(what)}: {count} times" for what, count in kinds.items() if count > most[what[1]]
        ]


def _is_there(history: Sequence[Seen], at: int) -> bool:
    """Whether the object of this history was there just before."""
    before = [each for each in history if each.at < at]
    return bool(before) and before[-1].type != "DELETED"


def _is_ending(history: Sequence[Seen], at: int) -> bool:
    """Whether the namespace of this history was to go before."""
    return any(each.is_terminating and each.at < at for each in history)


@contextmanager
def watching(running: RunningCluster) -> Iterator[Witness]:
    """Watch from now on; the block fails when a watch ended early, since then nothing is certain."""
    witness = Witness()
    started, loop = threading.Event(), asyncio.new_event_loop()
    task = loop.create_task(_watch_all(running, witness, started))

    def follow() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.wait([task]))

    thread = threading.Thread(target=follow, name="witness")
    thread.start()
    try:
        assert started.wait(_READY_S), "the watches begin"
        yield witness
        assert not task.done(), f"a watch ended: {task.exception()!r}"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()


async def _watch_all(running: RunningCluster, witness: Witness, started: threading.Event) -> None:
    async with Client(credentials.load(running.kubeconfig, None, {})) as client:
        listed = await client.raw("GET", NAMESPACES.path(""), params={"limit": 1})
        version = listed["metadata"]["resourceVersion"]
        async with asyncio.TaskGroup() as group:
            for path in _PATHS:
                group.create_task(_watch(client, path, version, witness))
            started.set()


async def _watch(client: Client, path: str, version: str, witness: Witness) -> None:
    """For ever: a watch that ends when its time is over goes on where it was, by the last bookmark."""
    while True:
        params: dict[str, str | int] = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "labelSelector": f"{keys.MANAGED}=true",
            "timeoutSeconds": _WATCH_FOR_S,
        }
        call = Call(method="GET", path=path, params=params)
        async with (
            client.stream(call, silence_s=_WATCH_FOR_S) as chunks,
            aclosing(lines.split(chunks)) as each,
        ):
            async for line in each:
                frame = json.loads(line)
                if frame["type"] != "BOOKMARK":
                    witness.seen.append(_seen(frame))
                version = frame["object"]["metadata"]["resourceVersion"]


def _seen(frame: dict[str, Any]) -> Seen:
    assert frame["type"] in ("ADDED", "MODIFIED", "DELETED"), frame
    metadata = frame["object"]["metadata"]
    return Seen(
        at=int(metadata["resourceVersion"]),
        type=frame["type"],
        kind=frame["object"]["kind"],
        space=metadata.get("namespace", ""),
        name=metadata["name"],
        origin=(metadata.get("labels") or {}).get(keys.ORIGIN, ""),
        is_terminating="deletionTimestamp" in metadata,
    )
