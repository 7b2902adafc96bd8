"""Hostile objects by class: what is wrong with each is one field of an otherwise ordinary object.

The classes carry the numbers of the project's threat list (T..), so that a row of the figures can be traced.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from kubepreview.core import foreign, kinds
from kubepreview.core.wire import Object

DIGEST: Final = "sha256:" + "c" * 64
IMAGE: Final = f"registry.example.com/acme/web@{DIGEST}"
_PORT: Final = {"port": 80, "host": "10.0.0.1"}


class Hostile(Struct, frozen=True, kw_only=True):
    """One object, the class of what it tries, and the field that it is tried by."""

    attack: str
    field: str
    object: Object


def _container(**fields: Any) -> Mapping[str, Any]:
    return {"containers": [{"name": "web", "image": IMAGE, **fields}]}


def _context(**fields: Any) -> Mapping[str, Any]:
    return _container(securityContext=fields)


def _volume(kind: str, **source: Any) -> Mapping[str, Any]:
    return {"volumes": [{"name": "v", kind: source}]}


def _projected(kind: str, **source: Any) -> Mapping[str, Any]:
    return _volume("projected", sources=[{kind: source}])


def _affinity(kind: str, **reach: Any) -> Mapping[str, Any]:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}, **reach}
    return {
        "affinity": {
            kind: {
                "requiredDuringSchedulingIgnoredDuringExecution": [term],
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}],
            }
        }
    }


_HANDLERS: Final = {
    f"{handler}.{way}": _container(**{handler: {way: _PORT}})
    for handler in ("livenessProbe", "readinessProbe", "startupProbe")
    for way in ("httpGet", "tcpSocket")
} | {
    f"lifecycle.{hook}.{way}": _container(lifecycle={hook: {way: _PORT}})
    for hook in ("postStart", "preStop")
    for way in ("httpGet", "tcpSocket")
}

# By class: fields of a pod's spec.
POD_SPECS: Final[Mapping[str, Mapping[str, Any]]] = {
    "T17 hostNetwork": {"hostNetwork": True},
    "T17 hostPID": {"hostPID": True},
    "T17 hostIPC": {"hostIPC": True},
    "T17 hostPath": _volume("hostPath", path="/"),
    "T17 hostPath socket": _volume("hostPath", path="/run/containerd/containerd.sock", type="Socket"),
    "T17 hostPort": _container(ports=[{"containerPort": 80, "hostPort": 80}]),
    "T17 privileged": _context(privileged=True),
    "T17 SYS_ADMIN": _context(capabilities={"add": ["SYS_ADMIN"]}),
    "T17 NET_ADMIN": _context(capabilities={"add": ["NET_ADMIN"]}),
    "T17 NET_RAW": _context(capabilities={"add": ["NET_RAW"]}),
    "T17 all capabilities": _context(capabilities={"add": ["ALL"]}),
    "T17 sysctl": {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
    "T17 seccomp of the pod": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "T17 seccomp of a container": _context(seccompProfile={"type": "Unconfined"}),
    "T17 apparmor of the pod": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
    "T17 apparmor of a container": _context(appArmorProfile={"type": "Unconfined"}),
    "T17 selinux type": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
    "T17 selinux user": {"securityContext": {"seLinuxOptions": {"user": "system_u"}}},
    "T17 privileged init container": {
        **_container(),
        "initContainers": [{"name": "i", "image": IMAGE, "securityContext": {"privileged": True}}],
    },
    **{f"T17 {name} to another host": spec for name, spec in _HANDLERS.items()},
    "T18 the node's users": {"hostUsers": True},
    "T19 nodeName": {"nodeName": "node-1"},
    "T19 schedulerName": {"schedulerName": "mine"},
    "T19 tolerates everything": {"tolerations": [{"operator": "Exists"}]},
    "T19 tolerates the control plane": {
        "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]
    },
    "T19 keeps others from nodes": _affinity("podAntiAffinity", namespaceSelector={}),
    "T19 keeps staging from nodes": _affinity("podAntiAffinity", namespaces=["rapidrar-staging"]),
    "T19 goes where staging is": _affinity("podAffinity", namespaces=["rapidrar-staging"]),
    "T20 system-node-critical": {"priorityClassName": "system-node-critical"},
    "T20 system-cluster-critical": {"priorityClassName": "system-cluster-critical"},
    "T31 automount": {"automountServiceAccountToken": True},
    "T31 projected token": _projected("serviceAccountToken", path="token", audience="sts.example.com"),
    "T31 projected trust": _projected("clusterTrustBundle", path="ca", name="x"),
    "T37 a tag": _container(image="registry.example.com/acme/web:v1"),
    "T37 latest": _container(image="registry.example.com/acme/web"),
    "T37 a tag of an init container": {
        **_container(),
        "initContainers": [{"name": "i", "image": "registry.example.com/acme/web:v1"}],
    },
    "T38 an image from elsewhere": _container(image=f"docker.io/miner/xmrig@{DIGEST}"),
    "T38 a prefix that only looks like it": _container(image=f"registry.example.com.evil.io/web@{DIGEST}"),
    "T38 an image as a volume": _volume("image", reference=f"docker.io/evil/tools@{DIGEST}"),
    "T45 nfs": _volume("nfs", server="10.0.0.1", path="/"),
    "T45 iscsi": _volume("iscsi", targetPortal="10.0.0.1:3260", iqn="iqn.2001-04.com.example", lun=0),
    "T45 cephfs": _volume("cephfs", monitors=["10.0.0.1:6789"]),
    "T45 a driver of the node": _volume("flexVolume", driver="example.com/x"),
    "T45 an inline csi volume": _volume("csi", driver="secrets-store.csi.k8s.io", readOnly=True),
    "T63 a grace of an hour": {"terminationGracePeriodSeconds": 3600},
}

# By class: the metadata of anything, also of pods in templates.
METADATA: Final[Mapping[str, Mapping[str, Any]]] = {
    **{
        f"T07 asks who {does} ({domain})": {"annotations": {f"{domain}/anything": "yes"}}
        for domain, does in foreign.OBEYED
    },
    "T02 server-alias": {"annotations": {"nginx.ingress.kubernetes.io/server-alias": "staging.example.com"}},
    "T16 a label that injects": {"labels": {"sidecar.istio.io/inject": "true"}},
    "T36 a label that lends an identity": {"labels": {"azure.workload.identity/use": "true"}},
}
# What only what a pull request itself brings can have.
OWN_METADATA: Final[Mapping[str, Mapping[str, Any]]] = {
    "T63 a finalizer": {"finalizers": ["example.com/keep"]},
    "T63 an owner": {
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1-2-3"}]
    },
}


def _named(api_version: str, kind: str, **fields: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields}


def _service(**spec: Any) -> Object:
    base = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    return _named("v1", "Service", spec={**base, **spec})


def _claim(**spec: Any) -> Object:
    base = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return _named("v1", "PersistentVolumeClaim", spec={**base, **spec})


_ROUTE: Final = {"rules": [{"host": "staging.example.com"}]}
_SUBJECT: Final = [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}]
_ROLE_REF: Final = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
_RULES: Final = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
_SNAPSHOT: Final = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "staging"}
_WEBHOOKS: Final = "admissionregistration.k8s.io/v1"
_GATEWAY: Final = "gateway.networking.k8s.io/v1"

# Kinds of operators, each of which does with rights of its own what such an object asks.
OPERATORS: Final = (
    (_GATEWAY, "HTTPRoute"),
    (_GATEWAY, "ReferenceGrant"),
    ("external-secrets.io/v1", "ExternalSecret"),
    ("argoproj.io/v1alpha1", "Application"),
    ("cert-manager.io/v1", "Certificate"),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
)

# By class: an object, and the field that is wrong with it.
OBJECTS: Final[Mapping[str, tuple[str, Object]]] = {
    "T01 Ingress": ("kind", _named("networking.k8s.io/v1", "Ingress", spec=_ROUTE)),
    "T01 HTTPRoute": ("kind", _named(_GATEWAY, "HTTPRoute", spec={"hostnames": ["staging.example.com"]})),
    "T01 IngressClass": ("kind", _named("networking.k8s.io/v1", "IngressClass", spec={"controller": "x"})),
    "T05 ExternalName": ("spec.type", _service(type="ExternalName", externalName="staging.svc")),
    "T05 Endpoints": (
        "kind",
        _named("v1", "Endpoints", subsets=[{"addresses": [{"ip": "169.254.169.254"}]}]),
    ),
    "T05 EndpointSlice": (
        "kind",
        _named("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", endpoints=[]),
    ),
    "T06 NodePort": ("spec.type", _service(type="NodePort")),
    "T06 LoadBalancer": ("spec.type", _service(type="LoadBalancer")),
    "T06 externalIPs": ("spec.externalIPs", _service(externalIPs=["8.8.8.8"])),
    "T08 ReferenceGrant": ("kind", _named(_GATEWAY, "ReferenceGrant", spec={"from": [], "to": []})),
    "T14 Namespace": ("kind", _named("v1", "Namespace")),
    "T14 PersistentVolume": (
        "kind",
        _named(
            "v1",
            "PersistentVolume",
            spec={
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/"},
            },
        ),
    ),
    "T14 PriorityClass": ("kind", _named("scheduling.k8s.io/v1", "PriorityClass", value=1_000_000)),
    "T14 StorageClass": ("kind", _named("storage.k8s.io/v1", "StorageClass", provisioner="x")),
    "T14 RuntimeClass": ("kind", _named("node.k8s.io/v1", "RuntimeClass", handler="runc")),
    "T14 APIService": (
        "kind",
        _named(
            "apiregistration.k8s.io/v1",
            "APIService",
            spec={"group": "x.io", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1},
        ),
    ),
    "T14 CustomResourceDefinition": (
        "kind",
        _named("apiextensions.k8s.io/v1", "CustomResourceDefinition", spec={"group": "x.io"}),
    ),
    "T14 ValidatingWebhookConfiguration": (
        "kind",
        _named(_WEBHOOKS, "ValidatingWebhookConfiguration", webhooks=[]),
    ),
    "T14 MutatingWebhookConfiguration": (
        "kind",
        _named(_WEBHOOKS, "MutatingWebhookConfiguration", webhooks=[]),
    ),
    "T14 ValidatingAdmissionPolicy": ("kind", _named(_WEBHOOKS, "ValidatingAdmissionPolicy", spec={})),
    "T16 ExternalSecret": ("kind", _named("external-secrets.io/v1", "ExternalSecret", spec={})),
    "T16 Application": ("kind", _named("argoproj.io/v1alpha1", "Application", spec={})),
    "T16 Certificate": ("kind", _named("cert-manager.io/v1", "Certificate", spec={})),
    "T16 Kustomization": ("kind", _named("kustomize.toolkit.fluxcd.io/v1", "Kustomization", spec={})),
    "T16 Preview": ("kind", _named("kubepreview.dev/v1alpha1", "Preview", spec={})),
    "T21 PodDisruptionBudget": (
        "kind",
        _named(
            "policy/v1",
            "PodDisruptionBudget",
            spec={"maxUnavailable": 0, "selector": {"matchLabels": {"app": "web"}}},
        ),
    ),
    "T28 a volume of others": ("spec.volumeName", _claim(volumeName="pv-of-staging")),
    "T28 a selector for volumes": ("spec.selector", _claim(selector={"matchLabels": {"app": "staging"}})),
    "T28 a snapshot": ("spec.dataSource", _claim(dataSource=_SNAPSHOT)),
    "T28 a source by reference": ("spec.dataSourceRef", _claim(dataSourceRef=_SNAPSHOT)),
    "T31 an account that offers its token": (
        "automountServiceAccountToken",
        _named("v1", "ServiceAccount", automountServiceAccountToken=True),
    ),
    "T31 a Secret that becomes a token": (
        "type",
        {
            **_named("v1", "Secret", type="kubernetes.io/service-account-token"),
            "metadata": {
                "name": "x",
                "annotations": {"kubernetes.io/service-account.name": "kubepreview-deployer"},
            },
        },
    ),
    "T31 a bootstrap token": ("type", _named("v1", "Secret", type="bootstrap.kubernetes.io/token")),
    "T32 Role": ("kind", _named("rbac.authorization.k8s.io/v1", "Role", rules=_RULES)),
    "T32 ClusterRole": ("kind", _named("rbac.authorization.k8s.io/v1", "ClusterRole", rules=_RULES)),
    "T32 RoleBinding": (
        "kind",
        _named("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef=_ROLE_REF, subjects=_SUBJECT),
    ),
    "T32 ClusterRoleBinding": (
        "kind",
        _named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", roleRef=_ROLE_REF, subjects=_SUBJECT),
    ),
    "T32 a certificate": (
        "kind",
        _named(
            "certificates.k8s.io/v1",
            "CertificateSigningRequest",
            spec={"request": "eA==", "signerName": "kubernetes.io/kube-apiserver-client", "usages": []},
        ),
    ),
    "T40 NetworkPolicy": (
        "kind",
        _named("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}, "egress": [{}]}),
    ),
    "T24 ResourceQuota": ("kind", _named("v1", "ResourceQuota", spec={"hard": {"pods": "1000"}})),
    "T24 LimitRange": ("kind", _named("v1", "LimitRange", spec={"limits": []})),
    "T33 Lease": ("kind", _named("coordination.k8s.io/v1", "Lease", spec={})),
}

_LABELS: Final = {"app": "web"}
_CARRIERS: Final = (
    kinds.ALLOWED["v1", "Pod"],
    *(kind for kind in kinds.WORKLOADS if kind is not kinds.DAEMON_SET),
)


def corpus() -> Iterator[Hostile]:
    """Every class in every object that can carry it."""
    for attack, spec in POD_SPECS.items():
        for kind in _CARRIERS:
            yield Hostile(attack=attack, field="spec", object=_carrying(kind, {"spec": spec}))
    for attack, metadata in METADATA.items():
        for kind in _CARRIERS:
            # Of the workload nothing is wrong: it is its pods that would ask.
            yield Hostile(attack=attack, field="metadata", object=_carrying(kind, {"metadata": metadata}))
    for attack, metadata in {**METADATA, **OWN_METADATA}.items():
        obj = _merged(_service(), {"metadata": metadata})
        yield Hostile(attack=attack, field="metadata", object=obj)
    for attack, (field, obj) in OBJECTS.items():
        yield Hostile(attack=attack, field=field, object=obj)


def benign() -> Iterator[Object]:
    """What the hostile ones are made of: each of these is to be taken, or a refusal would prove nothing."""
    yield from (_service(), _claim(), _named("v1", "ConfigMap"), _named("v1", "Secret"))
    yield _named("v1", "ServiceAccount")
    for kind in _CARRIERS:
        yield _carrying(kind, {})


def _carrying(kind: kinds.Kind, pod: Object) -> Object:
    """A workload, or a Pod, whose pods are so."""
    policy = {"restartPolicy": "Never"} if kind.kind in ("Job", "CronJob") else {}
    template = _merged({"metadata": {"labels": _LABELS}, "spec": {**_container(), **policy}}, pod)
    if kind.kind == "Pod":
        return _merged(_named("v1", "Pod"), template)
    obj: Object = template
    for step in reversed(kind.pod_template):
        obj = {step: obj}
    obj = _merged(_named(kind.api_version, kind.kind), obj)
    if kind.kind == "CronJob":
        obj["spec"]["schedule"] = "0 0 1 1 *"
    elif kind.kind == "ReplicationController":
        obj["spec"]["selector"] = _LABELS
    elif kind.kind != "Job":
        obj["spec"]["selector"] = {"matchLabels": _LABELS}
    return obj


def _merged(base: Object, more: Mapping[str, Any]) -> Object:
    """A deep copy of `base` with `more` laid over it; lists are replaced."""
    merged = copy.deepcopy(base)
    for key, value in more.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
