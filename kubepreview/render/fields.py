"""The fields at the top of an object, by kind: what a misspelt `sepc` is told from."""

from __future__ import annotations

import difflib

_ALWAYS = frozenset({"apiVersion", "kind", "metadata"})
_SPEC = frozenset({"spec", "status"})
_RULES = frozenset({"rules", "aggregationRule"})
_BINDING = frozenset({"subjects", "roleRef"})

# Kinds of Kubernetes itself that authors bring; of any other kind nothing is known, and nothing is said.
_FIELDS: dict[tuple[str, str], frozenset[str]] = {
    ("", "ConfigMap"): frozenset({"data", "binaryData", "immutable"}),
    ("", "Secret"): frozenset({"data", "stringData", "type", "immutable"}),
    ("", "ServiceAccount"): frozenset({"secrets", "imagePullSecrets", "automountServiceAccountToken"}),
    **{
        ("", kind): _SPEC
        for kind in (
            "LimitRange",
            "Namespace",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "ReplicationController",
            "ResourceQuota",
            "Service",
        )
    },
    **{("apps", kind): _SPEC for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")},
    **{("batch", kind): _SPEC for kind in ("CronJob", "Job")},
    ("autoscaling", "HorizontalPodAutoscaler"): _SPEC,
    ("policy", "PodDisruptionBudget"): _SPEC,
    **{("networking.k8s.io", kind): _SPEC for kind in ("Ingress", "IngressClass", "NetworkPolicy")},
    **{("gateway.networking.k8s.io", kind): _SPEC for kind in ("Gateway", "GRPCRoute", "HTTPRoute")},
    **{("rbac.authorization.k8s.io", kind): _RULES for kind in ("ClusterRole", "Role")},
    **{("rbac.authorization.k8s.io", kind): _BINDING for kind in ("ClusterRoleBinding", "RoleBinding")},
}


def unknown(api_version: str, kind: str, names: list[str]) -> list[tuple[str, str]]:
    """Each name that objects of this kind do not have, with a cure."""
    group, slash, _ = api_version.rpartition("/")
    known = _FIELDS.get((group if slash else "", kind))
    if known is None:
        return []
    allowed = sorted(_ALWAYS | known)
    return [(name, _cure(name, allowed)) for name in names if name not in allowed]


def _cure(name: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(allowed)}"
