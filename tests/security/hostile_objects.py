"""Hostile objects by class, each valid in itself: what is wrong with it is that a pull request brings it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kubepreview.core import foreign
from kubepreview.core.wire import Object
from tests.security.hostile_pods import container

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


def named(api_version: str, kind: str, name: str = "x", **fields: Any) -> Object:
    """An object of this kind."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **fields}


def service(**spec: Any) -> Object:
    """An ordinary Service, but for these fields."""
    base = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    return named("v1", "Service", spec={**base, **spec})


def claim(**spec: Any) -> Object:
    """An ordinary claim, but for these fields."""
    base = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return named("v1", "PersistentVolumeClaim", spec={**base, **spec})


_ROUTE: Final = {"rules": [{"host": "staging.example.com"}]}
_SUBJECT: Final = [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}]
_ROLE_REF: Final = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
_RULES: Final = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
_SNAPSHOT: Final = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "staging"}
_DEFINITION: Final = {
    "group": "x.io",
    "scope": "Cluster",
    "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
    "versions": [
        {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    ],
}
_POLICY: Final = {
    "matchConstraints": {
        "resourceRules": [
            {"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["DELETE"]}
        ]
    },
    "validations": [{"expression": "false"}],
}
_PREVIEW: Final = {
    "project": "rapidrar",
    "pullRequest": {"number": 8, "author": "eve"},
    "revision": {"sha": "a" * 40, "observedAt": "2026-01-02T03:04:05Z"},
    "entry": {"service": "web", "port": 80},
    "manifests": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}],
}
_WEBHOOKS: Final = "admissionregistration.k8s.io/v1"
_GATEWAY: Final = "gateway.networking.k8s.io/v1"


def _certificate_request() -> str:
    """To be the controller that reads every Secret."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "system:kube-controller-manager")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


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
    "T01 Ingress": ("kind", named("networking.k8s.io/v1", "Ingress", spec=_ROUTE)),
    "T01 HTTPRoute": ("kind", named(_GATEWAY, "HTTPRoute", spec={"hostnames": ["staging.example.com"]})),
    "T01 IngressClass": (
        "kind",
        named("networking.k8s.io/v1", "IngressClass", spec={"controller": "acme.example/x"}),
    ),
    "T05 ExternalName": ("spec.type", service(type="ExternalName", externalName="staging.svc")),
    "T05 Endpoints": (
        "kind",
        named("v1", "Endpoints", subsets=[{"addresses": [{"ip": "10.96.0.1"}]}]),
    ),
    "T05 EndpointSlice": (
        "kind",
        named("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", endpoints=[]),
    ),
    "T40 another apiserver": ("metadata.name", named("v1", "Service", "kubernetes", spec=service()["spec"])),
    "T06 NodePort": ("spec.type", service(type="NodePort")),
    "T06 LoadBalancer": ("spec.type", service(type="LoadBalancer")),
    "T06 externalIPs": ("spec.externalIPs", service(externalIPs=["8.8.8.8"])),
    "T08 ReferenceGrant": ("kind", named(_GATEWAY, "ReferenceGrant", spec={"from": [], "to": []})),
    "T14 Namespace": ("kind", named("v1", "Namespace")),
    "T14 PersistentVolume": (
        "kind",
        named(
            "v1",
            "PersistentVolume",
            spec={
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/"},
            },
        ),
    ),
    "T14 PriorityClass": ("kind", named("scheduling.k8s.io/v1", "PriorityClass", value=1_000_000)),
    "T14 StorageClass": ("kind", named("storage.k8s.io/v1", "StorageClass", provisioner="x")),
    "T14 RuntimeClass": ("kind", named("node.k8s.io/v1", "RuntimeClass", handler="runc")),
    "T14 APIService": (
        "kind",
        named(
            "apiregistration.k8s.io/v1",
            "APIService",
            "v1.x.io",
            spec={"group": "x.io", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1},
        ),
    ),
    "T14 CustomResourceDefinition": (
        "kind",
        named("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.x.io", spec=_DEFINITION),
    ),
    "T14 ValidatingWebhookConfiguration": (
        "kind",
        named(_WEBHOOKS, "ValidatingWebhookConfiguration", webhooks=[]),
    ),
    "T14 MutatingWebhookConfiguration": (
        "kind",
        named(_WEBHOOKS, "MutatingWebhookConfiguration", webhooks=[]),
    ),
    "T14 ValidatingAdmissionPolicy": ("kind", named(_WEBHOOKS, "ValidatingAdmissionPolicy", spec=_POLICY)),
    "T16 ExternalSecret": ("kind", named("external-secrets.io/v1", "ExternalSecret", spec={})),
    "T16 Application": ("kind", named("argoproj.io/v1alpha1", "Application", spec={})),
    "T16 Certificate": ("kind", named("cert-manager.io/v1", "Certificate", spec={})),
    "T16 Kustomization": ("kind", named("kustomize.toolkit.fluxcd.io/v1", "Kustomization", spec={})),
    "T16 Preview": ("kind", named("kubepreview.dev/v1alpha1", "Preview", "pr-8", spec=_PREVIEW)),
    "T21 PodDisruptionBudget": (
        "kind",
        named(
            "policy/v1",
            "PodDisruptionBudget",
            spec={"maxUnavailable": 0, "selector": {"matchLabels": {"app": "web"}}},
        ),
    ),
    "T28 a volume of others": ("spec.volumeName", claim(volumeName="pv-of-staging")),
    "T28 a selector for volumes": ("spec.selector", claim(selector={"matchLabels": {"app": "staging"}})),
    "T28 a snapshot": ("spec.dataSource", claim(dataSource=_SNAPSHOT)),
    "T28 a source by reference": ("spec.dataSourceRef", claim(dataSourceRef=_SNAPSHOT)),
    "T31 an account that offers its token": (
        "automountServiceAccountToken",
        named("v1", "ServiceAccount", automountServiceAccountToken=True),
    ),
    "T31 a Secret that becomes a token": (
        "type",
        {
            **named("v1", "Secret", type="kubernetes.io/service-account-token"),
            "metadata": {
                "name": "x",
                "annotations": {"kubernetes.io/service-account.name": "kubepreview-deployer"},
            },
        },
    ),
    "T31 a bootstrap token": ("type", named("v1", "Secret", type="bootstrap.kubernetes.io/token")),
    "T32 Role": ("kind", named("rbac.authorization.k8s.io/v1", "Role", rules=_RULES)),
    "T32 ClusterRole": ("kind", named("rbac.authorization.k8s.io/v1", "ClusterRole", rules=_RULES)),
    "T32 RoleBinding": (
        "kind",
        named("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef=_ROLE_REF, subjects=_SUBJECT),
    ),
    "T32 ClusterRoleBinding": (
        "kind",
        named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", roleRef=_ROLE_REF, subjects=_SUBJECT),
    ),
    "T32 a certificate": (
        "kind",
        named(
            "certificates.k8s.io/v1",
            "CertificateSigningRequest",
            spec={
                "request": _certificate_request(),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["client auth"],
            },
        ),
    ),
    "T40 NetworkPolicy": (
        "kind",
        named("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}, "egress": [{}]}),
    ),
    "T22 a DaemonSet": (
        "kind",
        named(
            "apps/v1",
            "DaemonSet",
            spec={
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {**container()}},
            },
        ),
    ),
    "T24 ResourceQuota": ("kind", named("v1", "ResourceQuota", spec={"hard": {"pods": "1000"}})),
    "T24 LimitRange": ("kind", named("v1", "LimitRange", spec={"limits": []})),
    "T33 Lease": ("kind", named("coordination.k8s.io/v1", "Lease", spec={})),
}
