"""What stands around a preview before its first object: the namespace and the objects that guard it.

All of them are in place, and read back, before anything of the pull request is sent (threats: the order
is an invariant). Everything is a pure function of the project and the preview.
"""

from __future__ import annotations

from typing import Final

from kubepreview.core import egress, keys, names
from kubepreview.core.model import Preview
from kubepreview.core.own_objects import selector
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wire import Object

# Pinned, so that an upgrade of the cluster never changes what a preview may do. 1.34 is the first that
# forbids probes and hooks with a host of their own, through which the kubelet would be sent anywhere.
POD_SECURITY_VERSION: Final = "v1.34"
_POD_SECURITY_LEVEL: Final = {"userns": "baseline", "restricted": "restricted"}

# What a container gets that asks for nothing: enough for an ordinary service, little enough that eight
# of them fit the default quota. A whole CPU, because a start is what everybody waits for, and most are
# slowed down by less; requests are small because previews mostly wait.
_DEFAULT_LIMITS: Final = {"cpu": "1", "memory": "512Mi", "ephemeral-storage": "1Gi"}
_DEFAULT_REQUESTS: Final = {"cpu": "25m", "memory": "64Mi", "ephemeral-storage": "64Mi"}


def preview_labels(preview: Preview) -> dict[str, str]:
    """The labels that say whose an object is."""
    return {
        keys.MANAGED: "true",
        keys.PROJECT: preview.metadata.namespace,
        keys.PREVIEW: preview.metadata.name,
    }


def namespace(project: ProjectSpec, preview: Preview) -> Object:
    """The namespace, with Pod Security and identity set in the same write that creates it."""
    level = _POD_SECURITY_LEVEL[project.pod_profile]
    runtime_class = _runtime_class(project, preview)
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": names.namespace_name(project, preview.spec.pull_request.number),
            "labels": {
                **preview_labels(preview),
                keys.POD_PROFILE: project.pod_profile,
                **({keys.HAS_RUNTIME_CLASS: "true"} if runtime_class else {}),
                **({keys.POD_START: keys.WHEN_ISOLATED} if project.pod_start == "WhenIsolated" else {}),
                "pod-security.kubernetes.io/enforce": level,
                "pod-security.kubernetes.io/enforce-version": POD_SECURITY_VERSION,
            },
            "annotations": {
                keys.PREVIEW_UID: preview.metadata.uid,
                # For the admission policy: what is not written here may come from anywhere.
                keys.IMAGE_PREFIXES: ",".join(project.image_prefixes),
                **({keys.RUNTIME_CLASS: runtime_class} if runtime_class else {}),
                **({keys.TOLERATED: ",".join(project.tolerated_taints)} if project.tolerated_taints else {}),
            },
        },
    }


def _runtime_class(project: ProjectSpec, preview: Preview) -> str:
    forks = project.fork_runtime_class_name if preview.spec.pull_request.from_fork else None
    return forks or project.runtime_class_name or ""


def guardrails(project: ProjectSpec, preview: Preview) -> tuple[Object, ...]:
    """Quota, limits, network policy, and the tokenless identity that the objects are applied under."""
    space = names.namespace_name(project, preview.spec.pull_request.number)
    roles = [keys.DEPLOYER_ROLE]
    if project.daemon_sets == "Keep":
        roles.append(keys.DEPLOYER_DAEMON_SET_ROLE)
    return tuple(
        _guard(obj, space, preview)
        for obj in (
            _quota(project),
            _limits(),
            _network(project),
            # The account that pods run as: written before the cluster does, so it never offers a token.
            _account("default"),
            _account(keys.DEPLOYER),
            *(_binding(role, space) for role in roles),
        )
    )


def _guard(obj: Object, space: str, preview: Preview) -> Object:
    obj["metadata"] |= {
        "namespace": space,
        "labels": {**preview_labels(preview), keys.ORIGIN: keys.ORIGIN_PRODUCT},
    }
    return obj


def _quota(project: ProjectSpec) -> Object:
    quota = project.quota
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": keys.GUARD},
        "spec": {
            "hard": {
                "limits.cpu": quota.cpu,
                "limits.memory": quota.memory,
                "limits.ephemeral-storage": quota.ephemeral_storage,
                "requests.storage": quota.storage,
                "pods": str(quota.pods),
                # Nothing of a preview is reachable but through its route.
                "services.nodeports": "0",
                "services.loadbalancers": "0",
                # Objects cost memory in etcd and in every controller: what manifests may hold, and slack.
                "count/configmaps": "110",
                "count/secrets": "110",
                "count/services": "110",
                "count/jobs.batch": "200",
            }
        },
    }


def _limits() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": keys.GUARD},
        "spec": {
            "limits": [{"type": "Container", "default": _DEFAULT_LIMITS, "defaultRequest": _DEFAULT_REQUESTS}]
        },
    }


def _network(project: ProjectSpec) -> Object:
    """Selecting every pod denies by default; the rules then name the only ways in and out."""
    same_namespace: Object = {"podSelector": {}}
    ingress_controller = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": project.route.ingress_namespace}}
    }
    # Passes on what it has held when a preview wakes.
    gateway = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": keys.GATEWAY_NAMESPACE}},
        "podSelector": {"matchLabels": selector(keys.GATEWAY)},
    }
    cluster_dns = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": keys.GUARD},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [same_namespace, ingress_controller, gateway]}],
            "egress": [
                {"to": [same_namespace]},
                {
                    "to": [cluster_dns],
                    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
                },
                *map(egress.rule, project.egress),
            ],
        },
    }


def _account(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name},
        "automountServiceAccountToken": False,
    }


def _binding(role: str, space: str) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": keys.DEPLOYER, "namespace": space}],
    }
