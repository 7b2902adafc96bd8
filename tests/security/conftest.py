"""An apiserver with all that `install` puts into one, and the namespace of a preview with its guards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import Struct

from kubepreview.cli import installing
from kubepreview.core import guardrails, installation, keys, names
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.resources import RESOURCE_QUOTAS
from tests.core.examples import preview, project
from tests.kube.conftest import apiserver
from tests.kube.controlplane import ControlPlane
from tests.security.hostile_objects import OPERATORS

__all__ = ["apiserver"]

PREFIX = "registry.example.com/acme/"
PROJECT = project(imagePrefixes=[PREFIX], podStart="WhenIsolated").spec
SPACE = names.namespace_name(PROJECT, 7)
# Of a project that takes images from anywhere, and has room for the largest application.
_ROOM = {"cpu": "64", "memory": "64Gi", "ephemeralStorage": "64Gi", "storage": "500Gi", "pods": 50}
_OPEN = project(imagePrefixes=[], namespacePattern="open-pr-{number}", quota=_ROOM).spec
ANYWHERE = names.namespace_name(_OPEN, 7)
_STRICT = project(
    imagePrefixes=[], namespacePattern="strict-pr-{number}", quota=_ROOM, podProfile="restricted"
).spec
STRICT = names.namespace_name(_STRICT, 7)


# That is there, and no pull request's to choose.
_RUNTIME_CLASS = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "bare"},
    "handler": "runc",
}


class Walls(Struct, frozen=True):
    """Where the walls stand: the apiserver, and the namespace of pull request 7."""

    plane: ControlPlane
    space: str


@pytest.fixture(scope="session")
def walls(apiserver: ControlPlane) -> Walls:
    """As after `install`, and after the controller has made the namespace and read back its guards."""
    asyncio.run(_build(apiserver))
    return Walls(apiserver, SPACE)


async def _build(plane: ControlPlane) -> None:
    # What runs pods is of no use here; everything else is as installed.
    everything = [obj for obj in installation.objects() if obj["kind"] != "Deployment"]
    kinds = [obj for obj in everything if obj["kind"] == "CustomResourceDefinition"]
    async with Client(plane.admin) as client:
        await installing.apply_all(client, kinds)
        await installing.wait_until_established(client, kinds)
        await installing.apply_all(client, [obj for obj in everything if obj not in kinds])
        await installing.wait_until_policies_act(client, mutates=True)
        for spec in (PROJECT, _OPEN, _STRICT):
            await client.apply(guardrails.namespace(spec, preview()), manager=keys.MANAGER)
            await installing.apply_all(client, guardrails.guardrails(spec, preview()))
            await _count(client, names.namespace_name(spec, 7))
        await client.apply(_RUNTIME_CLASS, manager="tests")
        operators = [_definition(*each) for each in OPERATORS]
        await installing.apply_all(client, operators)
        await installing.wait_until_established(client, operators)


def _definition(api_version: str, kind: str) -> Object:
    """The kind of an operator that many clusters run, as far as asking for one goes."""
    group, _, version = api_version.partition("/")
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        # The apiserver wants to be told that somebody looked at what is below k8s.io.
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


async def _count(client: Client, space: str) -> None:
    """As the cluster's own controller would: a quota that was never counted refuses everything."""
    quota = await client.get(RESOURCE_QUOTAS, keys.GUARD, space)
    hard = quota["spec"]["hard"]
    counted = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
    await client.patch(RESOURCE_QUOTAS, keys.GUARD, counted, space, subresource="status")


@pytest.fixture
async def admin(walls: Walls) -> AsyncIterator[Client]:
    """Who may do everything: also what the cluster's own controllers do, such as making pods."""
    async with Client(walls.plane.admin) as client:
        yield client


@pytest.fixture
def deployer(walls: Walls, admin: Client) -> Client:
    """The account by which everything of a pull request is applied."""
    return admin.impersonating(keys.deployer_user(walls.space))
