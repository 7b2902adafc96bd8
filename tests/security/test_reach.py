"""What the controller's own identity can reach, the product's code bypassed: previews, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest

from kubepreview.core import keys
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.errors import Forbidden, Invalid
from kubepreview.kube.resources import NAMESPACES
from tests.figures import Figures
from tests.security.apiserver import acting_as
from tests.security.conftest import SPACE, Walls

# With the name of a preview's; with its label and no UID; with the UID and another label.
_LOOKS_ALIKE: Final = {
    "rapidrar-pr-8": {},
    "rapidrar-pr-9": {"labels": {keys.MANAGED: "true"}},
    "rapidrar-pr-10": {"labels": {keys.MANAGED: "false"}, "annotations": {keys.PREVIEW_UID: "1-2-3"}},
}
_OTHERS: Final = ("kube-system", "default", "rapidrar-staging", *_LOOKS_ALIKE)


def _namespace(name: str, **metadata: object) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}}


def _guards(namespace: str) -> Iterator[Object]:
    """One of each kind that the controller may write in the namespaces of previews."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": keys.DEPLOYER_ROLE}
    for api_version, kind, fields in (
        ("v1", "ResourceQuota", {"spec": {"hard": {"pods": "0"}}}),
        ("v1", "LimitRange", {"spec": {"limits": []}}),
        ("v1", "ServiceAccount", {"automountServiceAccountToken": False}),
        ("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}}}),
        ("networking.k8s.io/v1", "Ingress", {"spec": {"rules": [{"host": "staging.example.com"}]}}),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": role}),
    ):
        metadata = {"name": "reached", "namespace": namespace}
        yield {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


@pytest.fixture
async def controller(walls: Walls, admin: Client) -> AsyncIterator[Client]:
    """A token of the controller's account, in a cluster with staging and with namespaces that look alike."""
    for name, metadata in {"rapidrar-staging": {}, **_LOOKS_ALIKE}.items():
        await admin.apply(_namespace(name, **metadata), manager="tests")
    async with acting_as(keys.CONTROLLER, keys.SYSTEM_NAMESPACE, walls.plane, admin) as client:
        yield client


async def _is_refused(client: Client, obj: Object) -> bool:
    try:
        await client.apply(obj, manager="tests", dry_run=True)
    except (Forbidden, Invalid):
        return True
    return False


async def test_the_controller_writes_where_previews_are(controller: Client) -> None:
    """What it is there for; otherwise the refusals would prove nothing."""
    uid = {keys.PREVIEW_UID: "1-2-3"}
    new = _namespace("rapidrar-pr-11", labels={keys.MANAGED: "true"}, annotations=uid)

    assert [obj["kind"] for obj in _guards(SPACE) if await _is_refused(controller, obj)] == []
    assert not await _is_refused(controller, new)


async def test_the_controller_reaches_nothing_else(
    controller: Client, admin: Client, figures: Figures
) -> None:
    """Fifty attempts and more: guards elsewhere, and namespaces that are ended, adopted, or made bare."""
    taken, attempts = [], 0
    marks = {"labels": {keys.MANAGED: "true"}, "annotations": {keys.PREVIEW_UID: "1-2-3"}}
    writes = [obj for name in _OTHERS for obj in _guards(name)]
    writes += [_namespace(name, **marks) for name in _OTHERS]
    writes += [
        _namespace("new", **fields)
        for fields in ({}, {"labels": marks["labels"]}, {"annotations": marks["annotations"]})
    ]
    for obj in writes:
        attempts += 1
        if not await _is_refused(controller, obj):
            taken.append((obj["kind"], obj["metadata"]))
    for name in _OTHERS:
        attempts += 1
        with pytest.raises(Forbidden):
            await controller.delete(NAMESPACES, name)

    figures.count("controller", len(taken), attempts)
    assert taken == []
    assert attempts >= 50
    there = {obj["metadata"]["name"] for obj in await admin.list(NAMESPACES)}
    assert there >= set(_OTHERS)
