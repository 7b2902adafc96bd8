"""The same hostile objects through the workflow that most begin with: `kubectl apply` in CI.

An administrator gets every one of them through, so that what is refused here is refused for what it is, and
not for being malformed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from kubepreview.core import kinds, refusals
from kubepreview.core.own_objects import RBAC
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from tests.figures import Figures
from tests.security.apiserver import said_of
from tests.security.hostile import corpus

_SPACE: Final = "plain"
_STRICT: Final = "plain-restricted"
_ACCOUNT: Final = "ci"
# Who applies, and where: an administrator, or an account with Kubernetes' own role for owners of a namespace.
_PEERS: Final[Mapping[str, tuple[bool, str]]] = {
    "by an administrator": (True, _SPACE),
    "by an owner": (False, _SPACE),
    "by an owner, restricted": (False, _STRICT),
}
# What a controller of the cluster would put together as ClusterRole `admin`.
_ADMIN: Final = tuple(f"system:aggregate-to-{part}" for part in ("admin", "edit", "view"))
_PINNED: Final = "pod-security.kubernetes.io/enforce"


@pytest.fixture
async def plain(admin: Client) -> Client:
    """Namespaces as a workflow makes them for pull requests, with an account for it."""
    for space, labels in {_SPACE: {}, _STRICT: {_PINNED: "restricted"}}.items():
        await admin.apply(_object("v1", "Namespace", space, labels=labels), manager="tests")
        subject = {"kind": "ServiceAccount", "name": _ACCOUNT, "namespace": space}
        for part in _ADMIN:
            role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": part}
            binding = _object(f"{RBAC}/v1", "RoleBinding", part, namespace=space)
            await admin.apply({**binding, "roleRef": role, "subjects": [subject]}, manager="tests")
    return admin


def _object(api_version: str, kind: str, name: str, **metadata: object) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}}


def _objects() -> Iterator[Object]:
    """All but what is hostile only here, where a container waits first."""
    return (each.object for each in corpus() if not each.attack.startswith(("T40 waits", "T40 begins")))


def _hardened(obj: Object) -> Object:
    """With what Pod Security `restricted` asks of ordinary pods, so that it refuses only what is hostile."""
    hardened = copy.deepcopy(obj)
    template = kinds.pod_template(hardened)
    if template is not None:
        profile = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        spec = template["spec"]
        spec["securityContext"] = {**profile, **spec.get("securityContext", {})}
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            confined = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
            container["securityContext"] = {**confined, **container.get("securityContext", {})}
    return hardened


async def _refusal(obj: Object, client: Client, admin: Client, space: str) -> str:
    """Of the object, or of the pods that controllers would make of it; empty if both are taken."""
    placed = {**obj, "metadata": {**obj["metadata"], "namespace": space}}
    pod = refusals.pod_of(placed)
    said = await said_of(client, placed)
    return said if said or pod is None else await said_of(admin, pod)


async def test_plain_kubectl_takes_what_is_refused_here(plain: Client, figures: Figures) -> None:
    """An administrator's credential takes everything; a role and Pod Security leave much."""
    for peer, (is_administrator, space) in _PEERS.items():
        account = f"system:serviceaccount:{space}:{_ACCOUNT}"
        client = plain if is_administrator else plain.impersonating(account)
        objects = [_hardened(obj) if space == _STRICT else obj for obj in _objects()]
        refused = [obj for obj in objects if await _refusal(obj, client, plain, space)]
        figures.count(peer, len(objects) - len(refused), len(objects))
        assert len(refused) < len(objects)
        assert not (is_administrator and refused)
