"""One control plane for all tests of the room, and a namespace for each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.resources import NAMESPACES
from kubepreview.localcluster import programs

from .controlplane import ControlPlane


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A real etcd and kube-apiserver, shared by the tests that only use it."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251 — entry point of tests
    # Built once, by `make test` or the first cluster; here they are only found, or the error says why not.
    built = asyncio.run(programs.ensure(Path(home) / "kubepreview", lambda _progress: None))
    plane = ControlPlane(built.path, tmp_path_factory.mktemp("control-plane"))
    try:
        asyncio.run(plane.start())
        yield plane
    finally:
        plane.stop()


@pytest.fixture
async def client(apiserver: ControlPlane) -> AsyncIterator[Client]:
    """The administrator of the shared control plane."""
    async with Client(apiserver.admin) as admin:
        yield admin


@pytest.fixture
async def client_without_server() -> AsyncIterator[Client]:
    """A client that has nobody to talk to."""
    async with Client(Credentials(server="http://127.0.0.1:1")) as client:
        yield client


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid4().hex[:8]}"
    await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    # Nobody runs here who would empty it; the control plane goes with all it holds.
    await client.delete(NAMESPACES, name)
