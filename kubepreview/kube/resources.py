"""The kinds of the Kubernetes API that the product uses, and where each lives.

Pure: a `Resource` is what a URL needs to know of a kind. Kinds that are not listed here are found by
asking the server (`Client.discover`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from msgspec import Struct

from kubepreview.errors import InvalidInput

Object: TypeAlias = dict[str, Any]
"""A Kubernetes object as it is on the wire."""


class UnknownKind(InvalidInput):
    """The kind is not one of the well-known; `Client.discover` asks the server for it."""


class Resource(Struct, frozen=True):
    """One kind of object, as the apiserver serves it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """What objects of this kind carry in `apiVersion`: ``v1``, ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of one object, or of all in a namespace or the cluster when `name` is empty."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", self._segment(namespace)]
        elif self.namespaced and name:
            raise InvalidInput(
                f"{self.kind} {name}: no namespace given, and a {self.kind} lives in one",
                hint="set metadata.namespace, or pass the namespace",
            )
        parts.append(self.plural)
        if name:
            parts.append(self._segment(name))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)

    def _segment(self, text: str) -> str:
        # The apiserver has the same rule for names; kept here so that a name cannot walk to another path.
        if text in {".", ".."} or "/" in text or "%" in text:
            raise InvalidInput(f"{self.kind} {text!r}: not a name that can stand in a URL path")
        return quote(text, safe=":")


def _core(plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    return Resource("", "v1", plural, kind, namespaced)


def _v1(group: str, plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    return Resource(group, "v1", plural, kind, namespaced)


NAMESPACES = _core("namespaces", "Namespace", namespaced=False)
NODES = _core("nodes", "Node", namespaced=False)
PODS = _core("pods", "Pod")
SERVICES = _core("services", "Service")
CONFIGMAPS = _core("configmaps", "ConfigMap")
SECRETS = _core("secrets", "Secret")
SERVICE_ACCOUNTS = _core("serviceaccounts", "ServiceAccount")
RESOURCE_QUOTAS = _core("resourcequotas", "ResourceQuota")
LIMIT_RANGES = _core("limitranges", "LimitRange")
PVCS = _core("persistentvolumeclaims", "PersistentVolumeClaim")

DEPLOYMENTS = _v1("apps", "deployments", "Deployment")
STATEFUL_SETS = _v1("apps", "statefulsets", "StatefulSet")
DAEMON_SETS = _v1("apps", "daemonsets", "DaemonSet")
REPLICA_SETS = _v1("apps", "replicasets", "ReplicaSet")
JOBS = _v1("batch", "jobs", "Job")
CRON_JOBS = _v1("batch", "cronjobs", "CronJob")
HPAS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", namespaced=True)
PDBS = _v1("policy", "poddisruptionbudgets", "PodDisruptionBudget")

NETWORK_POLICIES = _v1("networking.k8s.io", "networkpolicies", "NetworkPolicy")
INGRESSES = _v1("networking.k8s.io", "ingresses", "Ingress")
INGRESS_CLASSES = _v1("networking.k8s.io", "ingressclasses", "IngressClass", namespaced=False)
ENDPOINT_SLICES = _v1("discovery.k8s.io", "endpointslices", "EndpointSlice")

ROLES = _v1("rbac.authorization.k8s.io", "roles", "Role")
ROLE_BINDINGS = _v1("rbac.authorization.k8s.io", "rolebindings", "RoleBinding")
CLUSTER_ROLES = _v1("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS = _v1(
    "rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)

EVENTS = _v1("events.k8s.io", "events", "Event")
LEASES = _v1("coordination.k8s.io", "leases", "Lease")
PRIORITY_CLASSES = _v1("scheduling.k8s.io", "priorityclasses", "PriorityClass", namespaced=False)
CUSTOM_RESOURCE_DEFINITIONS = _v1(
    "apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)

_ADMISSION = "admissionregistration.k8s.io"
VALIDATING_ADMISSION_POLICIES = _v1(
    _ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
VALIDATING_ADMISSION_POLICY_BINDINGS = _v1(
    _ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False
)
MUTATING_ADMISSION_POLICIES = _v1(
    _ADMISSION, "mutatingadmissionpolicies", "MutatingAdmissionPolicy", namespaced=False
)
MUTATING_ADMISSION_POLICY_BINDINGS = _v1(
    _ADMISSION, "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", namespaced=False
)

PREVIEWS = Resource("kubepreview.dev", "v1alpha1", "previews", "Preview", namespaced=True)
PREVIEW_PROJECTS = Resource(
    "kubepreview.dev", "v1alpha1", "previewprojects", "PreviewProject", namespaced=True
)

_ALL = (
    NAMESPACES,
    NODES,
    PODS,
    SERVICES,
    CONFIGMAPS,
    SECRETS,
    SERVICE_ACCOUNTS,
    RESOURCE_QUOTAS,
    LIMIT_RANGES,
    PVCS,
    DEPLOYMENTS,
    STATEFUL_SETS,
    DAEMON_SETS,
    REPLICA_SETS,
    JOBS,
    CRON_JOBS,
    HPAS,
    PDBS,
    NETWORK_POLICIES,
    INGRESSES,
    INGRESS_CLASSES,
    ENDPOINT_SLICES,
    ROLES,
    ROLE_BINDINGS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    EVENTS,
    LEASES,
    PRIORITY_CLASSES,
    CUSTOM_RESOURCE_DEFINITIONS,
    VALIDATING_ADMISSION_POLICIES,
    VALIDATING_ADMISSION_POLICY_BINDINGS,
    MUTATING_ADMISSION_POLICIES,
    MUTATING_ADMISSION_POLICY_BINDINGS,
    PREVIEWS,
    PREVIEW_PROJECTS,
)

WELL_KNOWN: Mapping[tuple[str, str], Resource] = {
    (resource.api_version, resource.kind): resource for resource in _ALL
}


def resource_of(obj: Mapping[str, Any]) -> Resource:
    """The resource an object belongs to, by its `apiVersion` and `kind`; UnknownKind if not well-known."""
    api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
    try:
        return WELL_KNOWN[api_version, kind]
    except KeyError:
        raise UnknownKind(
            f"{kind or 'no kind'} of {api_version or 'no apiVersion'}: not a well-known kind",
            hint="look it up with Client.discover",
        ) from None
