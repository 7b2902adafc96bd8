"""Ten thousand events, of which some are lost, some come twice, and none comes in its turn.

The controller and what hears webhooks are the real ones, against a real apiserver without a node: nothing is
built, as there is no registry, so that a preview costs no pods. GitHub stands in; its pull requests change as
the events say, and the deliveries that tell of them are only ever hints.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx2
import msgspec
import pytest

from kubepreview.core import keys, names
from kubepreview.core.model import Preview
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PREVIEW_PROJECTS, PREVIEWS
from kubepreview.kube.wait import wait_until
from kubepreview.webhook.receive import PATH, Receiver
from kubepreview.webhook.writing import Writer
from standin.deliveries import KINDS, delivery
from standin.server import StandIn, serving
from standin.world import TOKEN
from tests.cli.conftest import Cluster, cluster
from tests.kube.conftest import apiserver

__all__ = ["apiserver", "cluster"]

# Ten thousand by KUBEPREVIEW_EVENTS, as `make test-faults` says.
_EVENTS: Final = int(os.environ.get("KUBEPREVIEW_EVENTS", "2000"))  # noqa: TID251 - entry point of tests
_NUMBERS: Final = range(1, 25)
_REPOSITORY: Final = "acme/flood"
_SECRET: Final = b"only GitHub knows it"
_SEED: Final = 20260103
_LOST, _DOUBLED = 0.2, 0.2
_BEGAN: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_INTERVAL_S: Final = 4.0
# So many deliveries are on their way at once, and come in any order.
_ON_THE_WAY: Final = 200


@dataclass
class Flood:
    """Pull requests that change, and the deliveries that tell of it."""

    github: StandIn
    rng: random.Random
    at: dt.datetime = _BEGAN
    sent: int = 0
    lost: int = 0
    doubled: int = 0
    waiting: list[tuple[str, bytes]] = field(default_factory=list)

    def happens(self) -> None:
        """One event of one pull request, and what becomes of its delivery."""
        self.at += dt.timedelta(seconds=1)
        number = self.rng.choice(_NUMBERS)
        known = self.github.pulls.get((_REPOSITORY, number))
        if known and known.state == "open" and self.rng.random() < 0.4:
            self.github.close(_REPOSITORY, number, self.at, merged=self.rng.random() < 0.5)
        else:
            head = f"{self.rng.getrandbits(160):040x}"
            is_reopened = known is not None and known.state == "closed" and self.rng.random() < 0.5
            head = known.head if known and is_reopened else head
            self.github.open(_REPOSITORY, number, self.at, head=head)
        self._sends(number)

    def _sends(self, number: int) -> None:
        body = delivery(self.rng.choice(KINDS), _REPOSITORY, number)
        self.sent += 1
        name = str(self.sent)
        if self.rng.random() < _LOST:
            self.lost += 1
            return
        self.waiting.append((name, body))
        if self.rng.random() < _DOUBLED:
            self.doubled += 1
            self.waiting.append((name, body))

    def comes(self, left: int) -> Iterator[tuple[str, bytes]]:
        """Deliveries in any order, until so many are left on their way."""
        while len(self.waiting) > left:
            yield self.waiting.pop(self.rng.randrange(len(self.waiting)))


@asynccontextmanager
async def _running(cluster: Cluster, github: StandIn, folder: Path) -> AsyncIterator[None]:
    """The controller, a process of its own."""
    flags = (
        f"--kubeconfig={cluster.environ['KUBECONFIG']}",
        "--identity=flood",
        "--port=0",
        f"--github-api={github.url}",
        f"--github-folder={folder}",
        f"--github-interval={_INTERVAL_S}",
    )
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kubepreview", "controller", *flags), stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _door(client: Client, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Where GitHub delivers."""
    (folder / "secret").write_bytes(_SECRET)
    writer = Writer(client)
    receiver = Receiver(folder / "secret", lambda repository: repository == _REPOSITORY, writer.note)
    transport = httpx2.ASGITransport(app=receiver.app)
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(writer.run())
        async with httpx2.AsyncClient(transport=transport, base_url="http://webhook") as door:
            yield door
        writing.cancel()


async def _deliver(door: httpx2.AsyncClient, name: str, body: bytes) -> None:
    signature = hmac.new(_SECRET, body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={signature}", "x-github-delivery": name}
    answer = await door.post(PATH, content=body, headers=headers)
    assert answer.status_code == 202


async def _project(client: Client) -> str:
    """A project whose artifacts are never there, and which says nothing on GitHub."""
    space = f"flood-{uuid4().hex[:8]}"
    project: Object = {
        "apiVersion": keys.API_VERSION,
        "kind": "PreviewProject",
        "metadata": {"name": "flood", "namespace": space},
        "spec": {
            "repository": _REPOSITORY,
            "namespacePattern": f"{space}-pr-{{number}}",
            "hostPattern": "pr-{number}.flood.example.com",
            "baseline": {"namespace": "flood-staging"},
            "route": {"ingressClassName": "traefik", "ingressNamespace": "traefik"},
            "artifacts": "127.0.0.1:1/flood/previews",
            "feedback": [],
        },
    }
    for name in (space, keys.SYSTEM_NAMESPACE, keys.GATEWAY_NAMESPACE):
        await client.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, manager=keys.CLI_MANAGER
        )
    await client.apply(project, manager=keys.CLI_MANAGER, resource=PREVIEW_PROJECTS)
    return space


async def _differences(client: Client, space: str, github: StandIn) -> list[str]:
    """Where the cluster's previews are not as the pull requests are."""
    found = [msgspec.convert(each, Preview) for each in await client.list(PREVIEWS, space)]
    previews = {each.metadata.name: each.spec for each in found}
    wrong = []
    for (_, number), pull in github.pulls.items():
        spec = previews.get(names.preview_name(number))
        is_open = spec is not None and spec.state == "Open"
        if is_open != (pull.state == "open"):
            wrong.append(f"{number} is {pull.state}, and its preview {'open' if is_open else 'closed'}")
        elif spec is not None and is_open and spec.revision.sha != pull.head:
            wrong.append(f"{number} is at {pull.head[:7]}, and its preview at {spec.revision.sha[:7]}")
    return wrong


@pytest.mark.timeout(900)
async def test_the_end_is_as_the_pull_requests_are(cluster: Cluster, tmp_path: Path) -> None:
    """Within one look at GitHub after the last event, although nobody told of a fifth of them."""
    (tmp_path / "token").write_text(TOKEN)
    lists = f"/repos/{_REPOSITORY}/pulls"
    with serving() as github:
        flood = Flood(github, random.Random(_SEED))  # noqa: S311 — a story, not a secret
        async with Client(cluster.plane.admin) as client:
            space = await _project(client)
            async with _running(cluster, github, tmp_path), _door(client, tmp_path) as door:
                for _ in range(_EVENTS):
                    flood.happens()
                    for name, body in flood.comes(left=_ON_THE_WAY):
                        await _deliver(door, name, body)
                for name, body in flood.comes(left=0):
                    await _deliver(door, name, body)
                looks = github.asked.count(lists)

                async def looked() -> bool | None:
                    # The one that was on its way when the last event happened, and one after it.
                    return github.asked.count(lists) >= looks + 2 or None

                await wait_until(looked, what="GitHub is looked at once more", timeout_s=60)

                async def is_same() -> bool | None:
                    # So many closes that nobody told of are held until somebody has looked at them.
                    await asyncio.to_thread(cluster.type, tmp_path, "brake", "--release")
                    return not await _differences(client, space, github) or None

                await wait_until(is_same, what="what was seen is written", timeout_s=2 * _INTERVAL_S)

    assert flood.sent == _EVENTS
    assert flood.lost > _EVENTS / 6
    assert flood.doubled > _EVENTS / 8
    assert len({pull.state for pull in github.pulls.values()}) == 2
