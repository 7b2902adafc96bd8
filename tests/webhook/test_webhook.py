"""A delivery that is GitHub's becomes a hint, once; no other does, and all are answered at once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from kubepreview.core import event, hints, keys
from kubepreview.kube.client import Client
from kubepreview.kube.resources import CONFIGMAPS, NAMESPACES
from kubepreview.kube.wait import wait_until
from kubepreview.webhook.receive import PATH, Noted, Receiver
from kubepreview.webhook.writing import Writer
from standin.deliveries import KINDS, delivery
from tests.kube.conftest import apiserver
from tests.kube.controlplane import ControlPlane

__all__ = ["apiserver"]

_SECRET = b"only GitHub knows it"
_BODY = delivery("pull_request.synchronize", "acme/Shop", 7)


def _headers(body: bytes = _BODY, delivery: str = "", secret: bytes = _SECRET) -> dict[str, str]:
    return {
        "x-hub-signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
        "x-github-delivery": delivery or str(uuid4()),
        "x-github-event": "pull_request",
    }


@asynccontextmanager
async def _asking(folder: Path, noted: list[Noted], secret: bytes | None = _SECRET) -> AsyncIterator[Any]:
    """GitHub's side of the door. Repositories of acme have a project."""
    file = folder / "secret"
    if secret is not None:
        file.write_bytes(secret + b"\n")
    receiver = Receiver(file, lambda repository: repository.lower().startswith("acme/"), noted.append)
    transport = httpx2.ASGITransport(app=receiver.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://webhook") as client:

        async def deliver(body: bytes = _BODY, headers: dict[str, str] | None = None) -> int:
            response = await client.post(PATH, content=body, headers=headers or _headers(body))
            code: int = response.status_code
            return code

        yield deliver


async def test_a_delivery_is_noted_once(tmp_path: Path) -> None:
    """GitHub delivers again what it thinks was lost."""
    noted: list[Noted] = []
    async with _asking(tmp_path, noted) as deliver:
        headers = _headers(delivery="one")
        assert [await deliver(headers=headers), await deliver(headers=headers)] == [202, 202]
        assert await deliver(headers=_headers(delivery="two")) == 202

    assert [each.delivery for each in noted] == ["one", "two"]
    assert noted[0].hint == hints.Hint("acme/Shop", 7)


@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_github_delivers_of_a_pull_request_is_a_hint(tmp_path: Path, kind: str) -> None:
    """As GitHub itself has published it."""
    noted: list[Noted] = []
    async with _asking(tmp_path, noted) as deliver:
        assert await deliver(delivery(kind, "acme/shop", 7)) == 202

    assert [each.hint for each in noted] == [hints.Hint("acme/shop", 7)]


@pytest.mark.parametrize("kind", [each for each in KINDS if each.startswith("pull_request")])
def test_a_job_reads_the_same_delivery_from_its_event_file(kind: str) -> None:
    """All that `up` and `down` are told of the pull request."""
    found = event.read(delivery(kind, "acme/shop", 7), "event.json")

    assert found is not None
    assert found.pull_request.number == 7
    assert found.pull_request.author
    assert found.is_closed is (kind == "pull_request.closed")


async def test_what_is_not_githubs_is_refused(tmp_path: Path) -> None:
    """Not signed, signed with something else, or too large to look at."""
    noted: list[Noted] = []
    large = b" " * (hints.MAX_BYTES + 1)
    async with _asking(tmp_path, noted) as deliver:
        assert await deliver(headers={"x-github-event": "pull_request"}) == 401
        assert await deliver(headers=_headers(secret=b"guessed")) == 401
        assert await deliver(_BODY + b" ", _headers(_BODY)) == 401
        assert await deliver(large, _headers(large)) == 413

    assert noted == []


async def test_anothers_repository_is_none_of_ours(tmp_path: Path) -> None:
    """An App may be installed elsewhere, too."""
    noted: list[Noted] = []
    body = _BODY.replace(b"acme", b"other")
    async with _asking(tmp_path, noted) as deliver:
        assert await deliver(body) == 200

    assert noted == []


async def test_without_a_secret_nothing_is_believed(tmp_path: Path) -> None:
    """And a secret that is renewed is seen."""
    noted: list[Noted] = []
    async with _asking(tmp_path, noted, secret=None) as deliver:
        assert await deliver(headers=_headers(secret=b"")) == 401
        (tmp_path / "secret").write_bytes(b"new")
        assert await deliver(headers=_headers(secret=b"new")) == 202

    assert len(noted) == 1


@pytest.mark.timeout(60)
async def test_hints_reach_the_cluster_when_it_is_there_again(apiserver: ControlPlane) -> None:
    """Deliveries of a moment are one write; and while the cluster is away they are kept."""
    async with Client(apiserver.admin) as client, asyncio.TaskGroup() as group:
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": keys.SYSTEM_NAMESPACE}}
        writer = Writer(client)
        writing = group.create_task(writer.run())
        for number in range(1, 4):
            writer.note(Noted(hints.Hint("acme/shop", number), f"first-{number}"))
        # Until now its namespace was not there, and nothing could be written.
        await client.apply(space, manager=keys.CLI_MANAGER, resource=NAMESPACES)

        async def written() -> dict[str, str] | None:
            found = await client.find(CONFIGMAPS, hints.CONFIG_MAP, keys.SYSTEM_NAMESPACE)
            return found["data"] if found else None

        data = await wait_until(written, what="the hints are written", timeout_s=30)
        writing.cancel()

    assert data == {f"acme.shop.{number}": f"first-{number}" for number in range(1, 4)}
