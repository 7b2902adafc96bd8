"""What the cluster would refuse, told before anything is sent: each object, field, rule and cure at once.

This is the third wall, for good messages only; the apiserver's own (Pod Security, RBAC, admission
policies) hold whether or not this was run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from kubepreview.core import foreign, isolation, kinds, policies
from kubepreview.core.kinds import as_mapping
from kubepreview.core.podcheck import Fault, Limits, pod_faults, token_faults
from kubepreview.core.wire import Object
from kubepreview.errors import Problem

# Kinds that people bring most often, with what to do instead.
_KIND_CURES: Final = {
    "Namespace": "remove it; the preview has a namespace of its own",
    "Ingress": "remove it; the route is written for you, from the entry in preview.yml",
    "HTTPRoute": "remove it; the route is written for you, from the entry in preview.yml",
    "NetworkPolicy": "remove it; the preview's network is closed but to itself, DNS and the ingress",
    "CustomResourceDefinition": "have a cluster administrator install it",
}
_RIGHTS: Final = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})


def check(objects: Sequence[Object], limits: Limits) -> list[Problem]:
    """Every field of every object that the cluster would refuse."""
    return [
        Problem(where=f"{_name(obj)}: {fault.field}", what=fault.rule, cure=fault.cure)
        for obj in objects
        for fault in _faults(obj, limits)
    ]


def check_for_controller(objects: Sequence[Object], limits: Limits) -> list[Problem]:
    """What no apiserver refuses and a project does: images, DaemonSets, and whose namespace is named."""
    return [
        Problem(where=f"{_name(obj)}: {fault.field}", what=fault.rule, cure=fault.cure)
        for obj in objects
        for fault in _faults(obj, limits)
        if fault.is_for_controller
    ]


def _name(obj: Object) -> str:
    return f"{obj.get('kind')}/{as_mapping(obj.get('metadata')).get('name')}"


def _faults(obj: Object, limits: Limits) -> Iterator[Fault]:
    kind = kinds.ALLOWED.get((str(obj.get("apiVersion")), str(obj.get("kind"))))
    if kind is None:
        yield _kind_fault(obj)
        return
    if kind is kinds.DAEMON_SET and limits.daemon_sets != "Keep":
        yield Fault(
            "kind",
            "the project turns DaemonSets into Deployments",
            "render it so, or set the project's daemonSets to Keep",
            is_for_controller=True,
        )
    namespace = as_mapping(obj.get("metadata")).get("namespace")
    if namespace not in (None, "", limits.namespace):
        yield Fault(
            "metadata.namespace",
            f"is {namespace!r}, and a preview's objects live in {limits.namespace}",
            "leave the field out",
            is_for_controller=True,
        )
    yield from _metadata_faults("metadata", as_mapping(obj.get("metadata")))
    if kind.kind in _FAULTS_OF:
        yield from _FAULTS_OF[kind.kind](obj)
    yield from _template_faults(obj, kind, limits)


def _template_faults(obj: Object, kind: kinds.Kind, limits: Limits) -> Iterator[Fault]:
    """Of the pods that it makes, or that it is."""
    template = kinds.pod_template(obj)
    if template is not None:
        if template is not obj:
            place = ".".join((*kind.pod_template, "metadata"))
            yield from _metadata_faults(place, as_mapping(template.get("metadata")))
        prefix = ".".join((*kind.pod_template, "spec"))
        for fault in pod_faults(as_mapping(template.get("spec")), limits):
            yield fault._replace(field=f"{prefix}.{fault.field}")


def _kind_fault(obj: Object) -> Fault:
    api_version, kind = obj.get("apiVersion"), str(obj.get("kind"))
    versions = [version for version, allowed in kinds.ALLOWED if allowed == kind]
    if versions:
        return Fault(
            "apiVersion", f"{api_version!r} is not one that is served for a {kind}", f"use {versions[0]}"
        )
    allowed = ", ".join(sorted(name for _, name in kinds.ALLOWED))
    cure = (
        "remove it; a preview may not grant rights" if kind in _RIGHTS else _KIND_CURES.get(kind, "remove it")
    )
    return Fault("kind", f"{kind} is not part of a preview; allowed are {allowed}", cure)


def _metadata_faults(prefix: str, metadata: Mapping[str, Any]) -> Iterator[Fault]:
    if metadata.get("finalizers"):
        yield Fault(f"{prefix}.finalizers", "nothing of a preview outlives it", "leave the field out")
    if metadata.get("ownerReferences"):
        yield Fault(
            f"{prefix}.ownerReferences", "what a pull request brings has no owner", "leave the field out"
        )
    for place in ("annotations", "labels"):
        for key in foreign.obeyed(as_mapping(metadata.get(place))):
            yield Fault(
                f"{prefix}.{place}",
                f"has {key}, which another controller obeys, and a pull request asks nothing of others",
                "remove the key",
            )


def _service_faults(obj: Object) -> Iterator[Fault]:
    spec = as_mapping(obj.get("spec"))
    if spec.get("type", "ClusterIP") != "ClusterIP":
        yield Fault(
            "spec.type",
            f"is {spec['type']}, and a preview is reached through its route only",
            "leave the field out",
        )
    if as_mapping(obj.get("metadata")).get("name") == isolation.APISERVER:
        yield Fault(
            "metadata.name", "by this name every pod finds the cluster's apiserver", "choose another name"
        )
    if spec.get("externalIPs"):
        yield Fault(
            "spec.externalIPs", "a preview answers on no address but its route", "leave the field out"
        )
    if spec.get("externalName"):
        yield Fault(
            "spec.externalName",
            "a Service of a preview leads to its own pods only",
            "leave the field out, and select pods",
        )


def _account_faults(obj: Object) -> Iterator[Fault]:
    yield from token_faults("", obj)


def _secret_faults(obj: Object) -> Iterator[Fault]:
    if obj.get("type") in policies.TOKENS:
        yield Fault("type", "a preview gets no token of the cluster", "remove the object")


def _budget_faults(_: Object) -> Iterator[Fault]:
    yield Fault("kind", "a preview does not hold up whoever drains a node", "remove the object")


def _claim_faults(obj: Object) -> Iterator[Fault]:
    spec = as_mapping(obj.get("spec"))
    for name in policies.CLAIMS_NOTHING:
        if name in spec:
            yield Fault(f"spec.{name}", "a preview's volumes are new and empty", "leave the field out")


_FAULTS_OF: Final[Mapping[str, Callable[[Object], Iterator[Fault]]]] = {
    "PersistentVolumeClaim": _claim_faults,
    "PodDisruptionBudget": _budget_faults,
    "Secret": _secret_faults,
    "Service": _service_faults,
    "ServiceAccount": _account_faults,
}
