"""How the product's own processes run: each an unprivileged Deployment with the few rights it names.

Pure, as everything that is installed (`core.installation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from kubepreview import __version__
from kubepreview.core.wire import Object

VERSION_LABEL: Final = "app.kubernetes.io/version"
PART_OF: Final = {"app.kubernetes.io/part-of": "kubepreview"}
RBAC: Final = "rbac.authorization.k8s.io"

# The image's own user; any that is not root would do.
_USER: Final = 65532
# Of a pod and of a container: together they meet Pod Security `restricted`.
AS_NOBODY: Final[Object] = {
    "runAsNonRoot": True,
    "runAsUser": _USER,
    "runAsGroup": _USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONFINED: Final[Object] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


class Process(Struct, frozen=True, kw_only=True):
    """One process: `args` of `kubepreview`, its ports by name, and its memory as (request, limit).

    `secrets`: where those of its namespace are mounted that somebody may have made; it runs without them.
    """

    name: str
    namespace: str
    container: str
    args: tuple[str, ...]
    ports: Mapping[str, int]
    health_port: str
    memory: tuple[str, str]
    # Kubernetes' own default.
    grace_s: int = 30
    secrets: Mapping[str, str] = field(default_factory=dict)


def selector(name: str) -> dict[str, str]:
    """The labels by which a process's pods are found."""
    return {"app.kubernetes.io/name": name}


def own_namespace(name: str) -> Object:
    """Not labelled as managed: the policies for previews must not look at the product itself."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/enforce-version": "latest",
            },
        },
    }


def own_account(name: str, namespace: str) -> Object:
    """The process's pod asks for its token itself; nothing else that runs there should get one."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace},
        "automountServiceAccountToken": False,
    }


def account_ref(name: str, namespace: str) -> Object:
    """The account as the subject of a binding."""
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> Object:
    """One rule of a role."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def role_and_binding(
    name: str, namespace: str, rules: Sequence[Object], subject: Object
) -> tuple[Object, Object]:
    """Rights in one namespace, for one account."""
    metadata = {"name": name, "namespace": namespace}
    ref = {"apiGroup": RBAC, "kind": "Role", "name": name}
    return (
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": dict(metadata), "rules": list(rules)},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": dict(metadata),
            "roleRef": ref,
            "subjects": [subject],
        },
    )


def own_deployment(process: Process, image: str, replicas: int) -> Object:
    """The Deployment of one process."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": process.name,
            "namespace": process.namespace,
            "labels": {**selector(process.name), VERSION_LABEL: __version__},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": selector(process.name)},
            # The new one is ready before the old one goes.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": {**selector(process.name), **PART_OF}},
                "spec": {
                    "serviceAccountName": process.name,
                    "automountServiceAccountToken": True,
                    "terminationGracePeriodSeconds": process.grace_s,
                    "securityContext": dict(AS_NOBODY),
                    "containers": [_container(process, image)],
                    # The one place that can be written: for the language's temporary files.
                    "volumes": [
                        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
                        *(
                            {"name": name, "secret": {"secretName": name, "optional": True}}
                            for name in process.secrets
                        ),
                    ],
                },
            },
        },
    }


def _container(process: Process, image: str) -> Object:
    request, limit = process.memory
    health = {"port": process.health_port}
    return {
        "name": process.container,
        "image": image,
        "command": ["python3", "-m", "kubepreview"],
        "args": list(process.args),
        "env": [_from_pod("POD_NAME", "metadata.name"), _from_pod("POD_NAMESPACE", "metadata.namespace")],
        "ports": [{"name": name, "containerPort": port} for name, port in process.ports.items()],
        "livenessProbe": {"httpGet": {"path": "/healthz", **health}, "failureThreshold": 6},
        "readinessProbe": {"httpGet": {"path": "/readyz", **health}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "50m", "memory": request}, "limits": {"memory": limit}},
        "securityContext": dict(CONFINED),
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - in the container
            *({"name": name, "mountPath": path, "readOnly": True} for name, path in process.secrets.items()),
        ],
    }


def _from_pod(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
