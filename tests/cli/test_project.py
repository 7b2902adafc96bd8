"""`project` against a real apiserver: what is written, what is refused, and what is shown."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import pytest
import yaml

from kubepreview.core import keys
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PREVIEW_PROJECTS, ROLES
from tests.cli.conftest import Cluster
from tests.commands import Ended, kubepreview

_ROUTE = (
    "--ingress-class",
    "traefik",
    "--ingress-namespace",
    "traefik",
    "--host-pattern",
    "pr-{number}.a.example.com",
)


@pytest.fixture
def with_ingress(cluster: Cluster) -> Cluster:
    """The apiserver, with an IngressClass."""
    obj: Object = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "traefik"},
        "spec": {"controller": "traefik.io/ingress-controller"},
    }

    async def write() -> None:
        async with Client(cluster.plane.admin) as client:
            await client.apply(obj, manager=keys.CLI_MANAGER)

    asyncio.run(write())
    return cluster


@pytest.fixture
def name() -> str:
    """A project that no other test has."""
    return f"shop-{uuid4().hex[:8]}"


def _create(cluster: Cluster, name: str, *argv: str) -> Ended:
    command = ("project", "create", name, "--repository", "acme/shop", *_ROUTE, *argv)
    return kubepreview(*command, environ=cluster.environ)


def _stored(cluster: Cluster, name: str) -> Object:
    async def read() -> Object:
        async with Client(cluster.plane.admin) as client:
            await client.get(ROLES, keys.CI_ROLE, f"{name}-previews")
            return await client.get(PREVIEW_PROJECTS, name, f"{name}-previews")

    return asyncio.run(read())


def test_create_writes_the_project_and_its_cis_identity(with_ingress: Cluster, name: str) -> None:
    """Creating it twice with the same words is free."""
    first, second = _create(with_ingress, name), _create(with_ingress, name)

    assert (first.code, second.code) == (0, 0), first.err + second.err
    spec = _stored(with_ingress, name)["spec"]
    assert spec["namespacePattern"] == f"{name}-pr-{{number}}"
    assert spec["route"]["ingressClassName"] == "traefik"
    assert "the cluster has no node" in first.err
    assert spec["podProfile"] == "restricted"


def test_an_existing_project_is_changed_only_when_that_is_asked_for(with_ingress: Cluster, name: str) -> None:
    """Exit code 3 with each field before and after; --replace changes it."""
    _create(with_ingress, name)

    refused = _create(with_ingress, name, "--quota-cpu", "16")

    assert refused.code == 3
    assert "spec.quota.cpu: 8 → 16" in refused.err
    assert _stored(with_ingress, name)["spec"]["quota"]["cpu"] == "8"
    assert _create(with_ingress, name, "--quota-cpu", "16", "--replace").code == 0
    assert _stored(with_ingress, name)["spec"]["quota"]["cpu"] == "16"


def test_the_namespace_pattern_is_for_life(with_ingress: Cluster, name: str) -> None:
    """The apiserver refuses another one, and its message says what to do instead."""
    _create(with_ingress, name)

    ended = _create(with_ingress, name, "--namespace-pattern", "other-{number}", "--replace")

    assert ended.code == 2
    assert "create another project for a new one" in ended.err


def test_a_control_namespace_holds_one_project(with_ingress: Cluster, name: str) -> None:
    """Plain RBAC tells projects apart by their namespaces, so two never share one."""
    _create(with_ingress, name)

    ended = _create(with_ingress, f"{name}-b", "--namespace", f"{name}-previews")

    assert ended.code == 3
    assert f"is the control namespace of project {name}" in ended.err


def test_what_cannot_be_decided_is_asked_for(with_ingress: Cluster, name: str) -> None:
    """Exit code 2, with the option that is missing and why it could not be seen."""
    command = ("project", "create", name, "--repository", "acme/shop", "--ingress-class", "traefik")

    ended = kubepreview(*command, environ=with_ingress.environ)

    assert ended.code == 2
    assert (
        "--ingress-namespace: the namespace of the pods behind IngressClass traefik is not known" in ended.err
    )


def test_a_dry_run_prints_the_objects(with_ingress: Cluster, name: str) -> None:
    """As YAML on stdout; nothing is written."""
    ended = _create(with_ingress, name, "--dry-run")

    kinds = [obj["kind"] for obj in yaml.safe_load_all(ended.out)]
    assert kinds == ["Namespace", "PreviewProject", "ServiceAccount", *(["Role", "RoleBinding"] * 2)]
    assert kubepreview("project", "show", name, environ=with_ingress.environ).code == 1


def test_show_prints_what_is_decided(with_ingress: Cluster, name: str) -> None:
    """For people, and as JSON for programs."""
    _create(with_ingress, name)

    text = kubepreview("project", "show", name, environ=with_ingress.environ)
    data = kubepreview("project", "show", name, "-o", "json", environ=with_ingress.environ)

    assert "hostPattern: pr-{number}.a.example.com" in text.out
    assert "previews: 0 open, 0 closed" in text.out
    assert json.loads(data.out)["spec"]["repository"] == "acme/shop"


def test_a_project_that_is_not_there_is_told_as_such(with_ingress: Cluster) -> None:
    """Exit code 1, and where to look."""
    for argv in (("project", "show", "nope"), ("project", "ci-kubeconfig", "nope")):
        ended = kubepreview(*argv, environ=with_ingress.environ)

        assert ended.code == 1
        assert "no PreviewProject nope in namespace nope-previews" in ended.err
