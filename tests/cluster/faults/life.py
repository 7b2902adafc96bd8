"""The life of a preview in steps: what is asked of it, and how it is seen that this is reached.

Asked without the command line, which would take a second of processor each time: what is at fault here is the
controller, and it sees the same writes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kubepreview.core import conditions, keys
from kubepreview.core.model import Preview
from kubepreview.errors import NotReady
from kubepreview.kube.client import Client
from kubepreview.kube.resources import CONFIGMAPS, INGRESSES, LEASES, NAMESPACES, PODS, PREVIEWS, Object
from kubepreview.kube.wait import wait_until
from tests.cluster.team import Team, application, sha

FIRST, SECOND = sha("1"), sha("2")
REPLICAS = 2
# In a whole life: a ReplicaSet of each commit, and a route before and after sleep.
MOST = {"ReplicaSet": 2, "Ingress": 2}
# The right state after a fault, by the issue of this project: within a minute.
WITHIN_S = 60.0


@dataclass(eq=False)
class Life:
    """The preview of one pull request."""

    team: Team
    client: Client
    number: int
    _wishes: itertools.count[int] = field(default_factory=itertools.count)
    _visitors: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def space(self) -> str:
        """The preview's namespace."""
        return f"{self.team.project}-pr-{self.number}"

    async def go(self, deed: Deed) -> None:
        """Ask for it, and see it reached."""
        await self.ask(deed)
        await self.reach(deed)

    async def ask(self, deed: Deed) -> None:
        """Ask for it."""
        await deed.ask(self)

    async def reach(self, deed: Deed) -> None:
        """See it reached."""
        await self.see(deed.name, deed.is_reached)

    async def see(self, what: str, is_so: Callable[[Life], Awaitable[bool]]) -> None:
        """See that something is so; AssertionError with the last status after a minute."""

        async def look() -> bool | None:
            return await is_so(self) or None

        try:
            await wait_until(look, what=what, timeout_s=WITHIN_S)
        except NotReady as error:
            found = await self.client.find(PREVIEWS, f"pr-{self.number}", self.team.control_namespace)
            status = msgspec.json.format(msgspec.json.encode((found or {}).get("status"))).decode()
            raise AssertionError(f"pr-{self.number}: {error.message}; it is:\n{status}") from error

    async def preview(self) -> Preview:
        """As the apiserver has it."""
        return msgspec.convert(
            await self.client.get(PREVIEWS, f"pr-{self.number}", self.team.control_namespace), Preview
        )

    async def patch(self, spec: Mapping[str, Any]) -> None:
        """Change what is asked for."""
        await self.client.patch(PREVIEWS, f"pr-{self.number}", {"spec": spec}, self.team.control_namespace)

    async def wish(self, *, asleep: bool) -> None:
        """Ask for sleep or for its end."""
        wish = {"id": f"wish-{next(self._wishes)}", "asleep": asleep}
        await self.patch({"lifetime": {"sleep": wish}})

    async def approve(self, commit: str) -> None:
        """As somebody who may."""
        at = revision(commit)["observedAt"]
        await self.patch({"approval": {"sha": commit, "by": "the test", "at": at}})

    async def served(self) -> str:
        """The commit that a visitor sees."""
        return await asyncio.to_thread(self.team.served, self.number)

    async def knock(self) -> None:
        """Visit it, and do not wait for the answer."""
        host, port = self.team.cluster.ingress
        _, visitor = await asyncio.open_connection(host, port)
        self._visitors.append(visitor)
        name = f"pr-{self.number}.{self.team.project}.localhost:{port}"
        visitor.write(f"GET /version HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        await visitor.drain()

    async def leave(self) -> None:
        """Those who came go."""
        for visitor in self._visitors:
            visitor.close()
            with suppress(OSError):
                await visitor.wait_closed()

    async def forget(self) -> None:
        """Remove the record of one that is closed."""
        await self.client.delete(PREVIEWS, f"pr-{self.number}", self.team.control_namespace)


@dataclass(frozen=True)
class Deed:
    """Something that is asked of a preview, and how it is seen that it came true."""

    name: str
    ask: Callable[[Life], Awaitable[None]]
    is_reached: Callable[[Life], Awaitable[bool]]


def revision(commit: str) -> Object:
    """A commit that was seen now."""
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the test's clock
    return {"sha": commit, "observedAt": now.isoformat()}


def _manifests(life: Life, commit: str) -> list[Object]:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"sha": commit}}
    return [*application(life.team.image(commit), replicas=REPLICAS), config]


def opened(life: Life, **spec: Any) -> Object:
    """The Preview of the first commit; `spec` says more."""
    return {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": f"pr-{life.number}", "namespace": life.team.control_namespace},
        "spec": {
            "project": life.team.project,
            "pullRequest": {"number": life.number},
            "revision": revision(FIRST),
            "entry": {"service": "web", "port": 80},
            "manifests": _manifests(life, FIRST),
            **spec,
        },
    }


async def _open(life: Life) -> None:
    await life.client.create(PREVIEWS, opened(life))


def pushed(life: Life, commit: str) -> Object:
    """What a push changes; it opens what was closed."""
    return {"state": "Open", "revision": revision(commit), "manifests": _manifests(life, commit)}


async def _push(life: Life) -> None:
    await life.patch(pushed(life, SECOND))


async def _sleep(life: Life) -> None:
    await life.wish(asleep=True)


async def _wake(life: Life) -> None:
    await life.wish(asleep=False)


def closed() -> Object:
    """What the end of a pull request changes."""
    return {"state": "Closed", "revision": {"observedAt": revision(SECOND)["observedAt"]}}


async def _close(life: Life) -> None:
    await life.patch(closed())


def _says(preview: Preview, kind: str, status: str, reason: str) -> bool:
    """Whether the condition says this, and of the object as it is now."""
    found = conditions.find(preview.status, kind)
    return (
        found is not None
        and found.observed_generation == preview.metadata.generation
        and (found.status, found.reason) == (status, reason)
    )


async def serves(life: Life, commit: str) -> bool:
    """Its status says so, a visitor sees it, and it has all its pods."""
    preview = await life.preview()
    return (
        _says(preview, conditions.READY, "True", "Ready")
        and preview.status.served is not None
        and preview.status.served.sha == commit
        and preview.status.pods == f"{REPLICAS}/{REPLICAS}"
        and await life.served() == commit
    )


async def _serves_first(life: Life) -> bool:
    return await serves(life, FIRST)


async def _serves_second(life: Life) -> bool:
    return await serves(life, SECOND)


async def is_refused(life: Life, reason: str) -> bool:
    """Its status says that, and why, the commit that is asked for is not built."""
    return _says(await life.preview(), conditions.ACCEPTED, "False", reason)


async def built(life: Life) -> set[str]:
    """The commits of which something is there."""
    found = await life.client.list(CONFIGMAPS, life.space)
    return {each["data"]["sha"] for each in found if "sha" in each.get("data", {})}


async def sleeps(life: Life) -> bool:
    """Its status says so, no pod is left, and it is the gateway that answers."""
    if not _says(await life.preview(), conditions.ASLEEP, "True", "Asleep"):
        return False
    return not await life.client.list(PODS, life.space)


async def is_gone(life: Life) -> bool:
    """The receipt tells of every part, and nothing is left: here, nor where the gateway answered."""
    preview = await life.preview()
    receipt = preview.status.receipt
    if receipt is None and _says(preview, conditions.READY, "False", "Closed"):
        # Nothing of it was ever built.
        return await life.client.find(NAMESPACES, life.space) is None
    if receipt is None or None in (receipt.route_gone_at, receipt.pods_gone_at, receipt.namespace_gone_at):
        return False
    assert await life.client.find(NAMESPACES, life.space) is None
    names = [
        each["metadata"]["name"]
        for kind in (INGRESSES, LEASES)
        for each in await life.client.list(kind, keys.GATEWAY_NAMESPACE, labels=f"{keys.MANAGED}=true")
    ]
    assert life.space not in names
    return True


UP = Deed("up", _open, _serves_first)
UPDATE = Deed("update", _push, _serves_second)
SLEEP = Deed("sleep", _sleep, sleeps)
WAKE = Deed("wake", _wake, _serves_second)
DOWN = Deed("down", _close, is_gone)
OPEN = (UP, UPDATE, SLEEP, WAKE)
WHOLE = (*OPEN, DOWN)
