"""One object for each policy, which it must refuse: a policy that is written is not yet one that is in force.

Each breaks one rule of one policy, and is otherwise as ordinary as can be, so that nothing else refuses it.
They are only ever asked about, and never kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kubepreview.core import isolation, keys, pod_policies
from kubepreview.core.wire import Object

_NAME: Final = "kubepreview-canary"
_TAG, _DIGEST = "canary:latest", f"canary@sha256:{'0' * 64}"


def _object(api_version: str, kind: str, **fields: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": _NAME}, **fields}


def _pod(image: str, **fields: Any) -> Object:
    spec = {"priorityClassName": keys.PRIORITY_CLASS, "containers": [{"name": "canary", "image": image}]}
    return _object("v1", "Pod", spec={**spec, **fields})


_OTHERS: Final[Mapping[str, Object]] = {
    "kubepreview-accounts": _object("v1", "ServiceAccount", automountServiceAccountToken=True),
    "kubepreview-services": _object(
        "v1", "Service", spec={"externalIPs": ["192.0.2.1"], "ports": [{"port": 80}]}
    ),
    "kubepreview-secrets": _object("v1", "Secret", type="bootstrap.kubernetes.io/token"),
    "kubepreview-claims": _object(
        "v1",
        "PersistentVolumeClaim",
        spec={
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
            "volumeName": _NAME,
        },
    ),
    "kubepreview-disruption-budgets": _object(
        "policy/v1", "PodDisruptionBudget", spec={"selector": {"matchLabels": {"app": _NAME}}}
    ),
    "kubepreview-objects": {
        **_object("v1", "ConfigMap"),
        "metadata": {"name": _NAME, "finalizers": [f"{keys.GROUP}/canary"]},
    },
}


def of(namespace: Object) -> Mapping[str, Object]:
    """By policy, what must be refused in the namespace of a preview."""
    metadata = namespace["metadata"]
    allowed = (metadata.get("annotations") or {}).get(keys.IMAGE_PREFIXES, "")
    image, profile = allowed.partition(",")[0], (metadata.get("labels") or {}).get(keys.POD_PROFILE)
    pods = {"kubepreview-pods": _pod(image + _TAG)}
    if profile == "userns":
        pods["kubepreview-userns-pods"] = _pod(image + _DIGEST, hostUsers=True)
    if (metadata.get("labels") or {}).get(keys.POD_START) == keys.WHEN_ISOLATED:
        posing = {"name": isolation.NAME, "image": image + _DIGEST}
        pods[pod_policies.ISOLATED] = _pod(image + _DIGEST, initContainers=[posing])
    return {**pods, **_OTHERS}
