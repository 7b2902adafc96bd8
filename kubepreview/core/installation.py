"""What `install` puts into a cluster: every object, in the order in which it is applied.

Pure, so that a dry run, the files in deploy/ and the installation itself are the same objects. Rights are
the least that the controller can work with: it writes no workload itself, it impersonates the deployer of
the preview, and it can grant the deployer's Roles only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kubepreview import __version__
from kubepreview.core import crd, keys, kinds, policies
from kubepreview.core.model import Object

DEFAULT_IMAGE: Final = f"ghcr.io/kubepreview/controller:v{__version__}"
VERSION_LABEL: Final = "app.kubernetes.io/version"
PART_OF: Final = {"app.kubernetes.io/part-of": "kubepreview"}
PORT: Final = 8080

_RBAC: Final = "rbac.authorization.k8s.io"
_RBAC_V1: Final = f"{_RBAC}/v1"
_SELECTOR: Final = {"app.kubernetes.io/name": keys.CONTROLLER}
# Below the default of 0, so that anything else goes first; far above what the cluster reserves.
_PRIORITY: Final = -1000
# The image's own user; any that is not root would do.
_USER: Final = 65532

_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("get", "list", "create", "patch", "update", "delete")


def objects(image: str = DEFAULT_IMAGE, *, replicas: int = 1) -> tuple[Object, ...]:
    """Everything, in the order of application; removed in the reverse."""
    return tuple(
        _labelled(obj)
        for obj in (
            _namespace(),
            *crd.custom_resource_definitions(),
            _priority_class(),
            *policies.admission_policies(),
            _deployer_role(),
            _deployer_daemon_set_role(),
            _account(),
            _controller_role(),
            _controller_binding(),
            _lease_role(),
            _lease_binding(),
            _metrics_service(),
            deployment(image, replicas),
        )
    )


def without_mutation(everything: Sequence[Object]) -> tuple[Object, ...]:
    """What can be installed where the cluster does not serve MutatingAdmissionPolicies.

    Pods then keep what their authors wrote. A project must be `restricted` there: under `userns` a pod is
    refused that does not ask for its user namespace itself.
    """
    return tuple(obj for obj in everything if obj["kind"] not in policies.MUTATING_KINDS)


def _labelled(obj: Object) -> Object:
    labels = {**(obj["metadata"].get("labels") or {}), **PART_OF}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def _namespace() -> Object:
    """Not labelled as managed: the policies for previews must not look at the product itself."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": keys.SYSTEM_NAMESPACE,
            "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/enforce-version": "latest",
            },
        },
    }


def _priority_class() -> Object:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": keys.PRIORITY_CLASS},
        "value": _PRIORITY,
        "preemptionPolicy": "Never",
        "globalDefault": False,
        "description": "Pods of previews: they wait for room and displace nothing.",
    }


def _deployer_role() -> Object:
    """What a preview's deployer may write: the allowed kinds, in the namespaces where it is bound."""
    groups: dict[str, list[str]] = {}
    for kind in kinds.ALLOWED.values():
        if kind is not kinds.DAEMON_SET:
            groups.setdefault(kind.group, []).append(kind.plural)
    rules = [_rule(group, sorted(plurals), _WRITE) for group, plurals in sorted(groups.items())]
    return _cluster_role(keys.DEPLOYER_ROLE, rules)


def _deployer_daemon_set_role() -> Object:
    kind = kinds.DAEMON_SET
    return _cluster_role(keys.DEPLOYER_DAEMON_SET_ROLE, [_rule(kind.group, [kind.plural], _WRITE)])


def _controller_role() -> Object:
    """Nothing here writes a workload, reads a Secret, or grants more than the deployer's two Roles."""
    deployer_roles = [keys.DEPLOYER_ROLE, keys.DEPLOYER_DAEMON_SET_ROLE]
    guards = ("get", "list", "create", "patch")
    return _cluster_role(
        keys.CONTROLLER,
        [
            _rule(keys.GROUP, ["previews", "previewprojects"], _READ),
            # Patched when one has expired: the state alone is changed.
            _rule(keys.GROUP, ["previews"], ("patch",)),
            _rule(keys.GROUP, ["previews/status"], ("patch", "update")),
            _rule("", ["namespaces"], (*_READ, "create", "patch", "delete")),
            _rule("", ["resourcequotas", "limitranges", "serviceaccounts"], guards),
            _rule("networking.k8s.io", ["networkpolicies"], guards),
            _rule(_RBAC, ["rolebindings"], guards),
            {**_rule(_RBAC, ["clusterroles"], ("bind",)), "resourceNames": deployer_roles},
            {**_rule("", ["serviceaccounts"], ("impersonate",)), "resourceNames": [keys.DEPLOYER]},
            _rule("networking.k8s.io", ["ingresses"], (*_READ, "create", "patch", "delete")),
            _rule("", ["pods"], (*_READ, "delete")),
            _rule("", ["pods/log"], ("get",)),
            _rule("apps", ["deployments", "replicasets"], _READ),
            _rule("events.k8s.io", ["events"], ("get", "create", "patch")),
        ],
    )


def _lease_role() -> Object:
    return {
        "apiVersion": _RBAC_V1,
        "kind": "Role",
        "metadata": {"name": keys.CONTROLLER, "namespace": keys.SYSTEM_NAMESPACE},
        "rules": [_rule("coordination.k8s.io", ["leases"], ("get", "create", "update", "patch"))],
    }


def _rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> Object:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _cluster_role(name: str, rules: list[Object]) -> Object:
    return {"apiVersion": _RBAC_V1, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def _controller_binding() -> Object:
    return {
        "apiVersion": _RBAC_V1,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": keys.CONTROLLER},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": keys.CONTROLLER},
        "subjects": [_subject()],
    }


def _lease_binding() -> Object:
    return {
        "apiVersion": _RBAC_V1,
        "kind": "RoleBinding",
        "metadata": {"name": keys.CONTROLLER, "namespace": keys.SYSTEM_NAMESPACE},
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": keys.CONTROLLER},
        "subjects": [_subject()],
    }


def _subject() -> Object:
    return {"kind": "ServiceAccount", "name": keys.CONTROLLER, "namespace": keys.SYSTEM_NAMESPACE}


def _account() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": keys.CONTROLLER, "namespace": keys.SYSTEM_NAMESPACE},
        # The controller's pod asks for its token itself; nothing else that runs here should get one.
        "automountServiceAccountToken": False,
    }


def _metrics_service() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": keys.CONTROLLER, "namespace": keys.SYSTEM_NAMESPACE, "labels": dict(_SELECTOR)},
        "spec": {
            "selector": dict(_SELECTOR),
            "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
        },
    }


def deployment(image: str, replicas: int) -> Object:
    """The controller. One replica acts at a time; more of them only shorten a failover."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": keys.CONTROLLER,
            "namespace": keys.SYSTEM_NAMESPACE,
            "labels": {**_SELECTOR, VERSION_LABEL: __version__},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(_SELECTOR)},
            # The new one is ready, and waits for the lease, before the old one lets go of it.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": {**_SELECTOR, **PART_OF}},
                "spec": {
                    "serviceAccountName": keys.CONTROLLER,
                    "automountServiceAccountToken": True,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": _USER,
                        "runAsGroup": _USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [_container(image)],
                    # The one place that can be written: for the language's temporary files.
                    "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
                },
            },
        },
    }


def _container(image: str) -> Object:
    return {
        "name": "controller",
        "image": image,
        "command": ["python3", "-m", "kubepreview"],
        "args": ["controller"],
        "env": [_from_pod("POD_NAME", "metadata.name"), _from_pod("POD_NAMESPACE", "metadata.namespace")],
        "ports": [{"name": "http", "containerPort": PORT}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "failureThreshold": 6},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - in the container
    }


def _from_pod(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
