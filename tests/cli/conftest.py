"""A real apiserver with our CRDs and one project; no controller, no node."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from kubepreview.core import crd, keys
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PREVIEW_PROJECTS, PREVIEWS
from kubepreview.kube.wait import wait_until
from tests.commands import Ended, environment, kubepreview
from tests.kube.conftest import apiserver
from tests.kube.controlplane import ControlPlane

__all__ = ["apiserver"]


@dataclass(frozen=True)
class Cluster:
    """The apiserver, and how a command reaches it."""

    plane: ControlPlane
    environ: Mapping[str, str]

    def type(self, repository: Path, *argv: str) -> Ended:
        """Type a command in a repository."""
        return kubepreview(*argv, environ=self.environ, directory=repository)

    def get(self, scope: str, number: int) -> Object:
        """The Preview as the apiserver has it."""

        async def get() -> Object:
            async with Client(self.plane.admin) as client:
                return await client.get(PREVIEWS, f"pr-{number}", scope)

        return asyncio.run(get())

    def write_status(self, scope: str, number: int, status: Object) -> None:
        """Say what a controller would say."""

        async def write() -> None:
            async with Client(self.plane.admin) as client:
                await client.patch(PREVIEWS, f"pr-{number}", {"status": status}, scope, subresource="status")

        asyncio.run(write())


@pytest.fixture(scope="session")
def cluster(apiserver: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The apiserver with our CRDs."""
    return install(apiserver, tmp_path_factory.mktemp("kubeconfig"))


def install(plane: ControlPlane, folder: Path) -> Cluster:
    """Put our CRDs into it, and write the kubeconfig."""
    kubeconfig = plane.write_kubeconfig(folder / "config")

    async def define() -> None:
        async with Client(plane.admin) as client:
            for definition in crd.custom_resource_definitions():
                await client.apply(definition, manager=keys.CLI_MANAGER)

            async def served() -> bool | None:
                kinds = ("PreviewProject", "Preview")
                found = [await client.discover(keys.API_VERSION, kind) for kind in kinds]
                return True if all(found) else None

            await wait_until(served, what="our kinds served", timeout_s=30)

    asyncio.run(define())
    return Cluster(plane, environment(kubeconfig))


@pytest.fixture
def scope(cluster: Cluster) -> str:
    """A control namespace of the test's own, with the project `rapidrar` in it."""
    return make_scope(cluster)


def make_scope(cluster: Cluster) -> str:
    """Make a control namespace with the project `rapidrar` in it."""
    namespace = f"previews-{uuid4().hex[:8]}"
    project: Object = {
        "apiVersion": keys.API_VERSION,
        "kind": "PreviewProject",
        "metadata": {"name": "rapidrar", "namespace": namespace},
        "spec": {
            "repository": "acme/rapidrar",
            "namespacePattern": f"{namespace}-pr-{{number}}",
            "hostPattern": "pr-{number}.rapidrar.example.com",
            "baseline": {"namespace": "rapidrar-staging", "host": "rapidrar.example.com"},
            "route": {"ingressClassName": "traefik", "ingressNamespace": "traefik"},
        },
    }

    async def create() -> None:
        async with Client(cluster.plane.admin) as client:
            space: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            await client.apply(space, manager=keys.CLI_MANAGER)
            await client.apply(project, manager=keys.CLI_MANAGER, resource=PREVIEW_PROJECTS)

    asyncio.run(create())
    return namespace


@pytest.fixture
def repository(tmp_path: Path, scope: str) -> Path:
    """A checkout with one service, whose preview.yml names the test's control namespace."""
    return make_repository(tmp_path, scope)


@pytest.fixture
def opened(cluster: Cluster, repository: Path, scope: str) -> Path:
    """The repository of an open preview."""
    assert scope
    assert cluster.type(repository, *up_at(OPENED_AT)).code == 0
    return repository


def up_at(observed_at: str) -> tuple[str, ...]:
    """How the preview of pull request 7 is asked for, without waiting."""
    return "up", "7", "--sha", "a" * 40, "--observed-at", observed_at, "--image", IMAGE, "--no-wait"


def make_repository(folder: Path, scope: str) -> Path:
    """Write a checkout with one service."""
    (folder / ".github").mkdir()
    (folder / "k8s").mkdir()
    (folder / ".github/preview.yml").write_text(PREVIEW_YML.format(namespace=scope))
    (folder / "k8s/web.yaml").write_text(MANIFESTS)
    return folder


PREVIEW_YML = """\
project: rapidrar
namespace: {namespace}
manifests:
  files: [k8s]
images: [web]
timeout: 20s
"""
MANIFESTS = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: web
          ports: [{containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""
IMAGE = "web=registry.example.com/web@sha256:" + "c" * 64
OPENED_AT = "2026-01-02T00:00:00Z"
