"""What staging may have and a preview not: left out, each with a note, so that the same manifests serve both.

What the apiserver's policies refuse (`core.policies`), and what says nothing about the application: where
its pods are placed, how long they may take to end, and what it asks of other controllers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from kubepreview.core import foreign, kinds, pod_policies
from kubepreview.core.kinds import as_mapping
from kubepreview.core.wire import Object
from kubepreview.render.manifests import Change, Manifest

_LEFT_OUT: Final = (
    *("nodeName", "schedulerName", "tolerations", "runtimeClassName", "automountServiceAccountToken"),
)
_NO_USE: Final = "no pod of a preview has a token to use it with"
_USELESS: Final = {
    "PodDisruptionBudget": "a preview does not hold up whoever drains a node",
    "Role": _NO_USE,
    "RoleBinding": _NO_USE,
}
# Of a Service that is more than an address inside of the cluster.
_PUBLISHING: Final = frozenset(
    {
        *("allocateLoadBalancerNodePorts", "externalIPs", "externalTrafficPolicy", "healthCheckNodePort"),
        *("loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges", "type"),
    }
)


def left_out(manifests: Iterable[Manifest]) -> Change:
    """The manifests without it."""
    kept, notes = [], []
    for manifest in manifests:
        if why := _is_for_others(manifest.object):
            notes.append(f"{manifest.title}: left out; {why}")
            continue
        obj, gone = _without(manifest.object)
        kept.append(Manifest(object=obj, where=manifest.where))
        if gone:
            notes.append(f"{manifest.title}: left out what is not for a preview: {', '.join(gone)}")
    return Change(tuple(kept), tuple(notes))


def _is_for_others(obj: Object) -> str:
    """Why the whole object is of no use to a preview; empty if it is."""
    if why := _USELESS.get(obj["kind"]):
        return why
    if foreign.obeyed([obj["apiVersion"]]):
        return "a pull request asks nothing of other controllers"
    return ""


def _without(obj: Object) -> tuple[Object, list[str]]:
    metadata, gone = _metadata(as_mapping(obj.get("metadata")))
    obj = {**obj, "metadata": metadata}
    kind = kinds.ALLOWED.get((str(obj.get("apiVersion")), str(obj.get("kind"))))
    if kind is None:
        return obj, gone
    if kind.kind == "Pod":
        spec, more = _pod_spec(as_mapping(obj.get("spec")))
        return {**obj, "spec": spec}, gone + more
    if kind.kind == "Service":
        spec, more = _service_spec(as_mapping(obj.get("spec")))
        return {**obj, "spec": spec} if more else obj, gone + more
    if kind.kind == "ServiceAccount" and obj.get("automountServiceAccountToken"):
        del obj["automountServiceAccountToken"]
        return obj, [*gone, "automountServiceAccountToken"]
    if kinds.pod_template(obj) is None:
        return obj, gone
    found: list[str] = []
    changed: Object = _at(obj, kind.pod_template, found)
    return changed, gone + [each for each in found if each not in gone]


def _at(obj: Object, path: tuple[str, ...], gone: list[str]) -> Object:
    """A copy of the object whose pod template, at this path, is changed."""
    if path:
        return {**obj, path[0]: _at(obj[path[0]], path[1:], gone)}
    template = dict(obj)
    if isinstance(template.get("metadata"), dict):
        template["metadata"], more = _metadata(template["metadata"])
        gone += more
    if isinstance(template.get("spec"), dict):
        template["spec"], more = _pod_spec(template["spec"])
        gone += more
    return template


def _metadata(metadata: Object) -> tuple[Object, list[str]]:
    kept = dict(metadata)
    gone = ["finalizers"] if kept.pop("finalizers", None) else []
    for place in ("annotations", "labels"):
        keys = foreign.obeyed(as_mapping(kept.get(place)))
        if keys:
            kept[place] = {key: value for key, value in kept[place].items() if key not in keys}
            gone += keys
    return kept, gone


def _service_spec(spec: Object) -> tuple[Object, list[str]]:
    """As one that answers inside of the cluster; an ExternalName is none, and stays to be refused."""
    if spec.get("type", "ClusterIP") not in ("NodePort", "LoadBalancer"):
        return spec, []
    kept = {name: value for name, value in spec.items() if name not in _PUBLISHING}
    ports = kept.get("ports")
    if isinstance(ports, list):
        kept["ports"] = [
            {name: value for name, value in port.items() if name != "nodePort"}
            if isinstance(port, dict)
            else port
            for port in ports
        ]
    return kept, [f"type {spec['type']}"]


def _pod_spec(spec: Object) -> tuple[Object, list[str]]:
    gone = [name for name in _LEFT_OUT if spec.get(name)]
    kept = {name: value for name, value in spec.items() if name not in gone}
    if _is_long(kept.get("terminationGracePeriodSeconds")):
        del kept["terminationGracePeriodSeconds"]
        gone.append("terminationGracePeriodSeconds")
    return kept, gone


def _is_long(seconds: Any) -> bool:
    return isinstance(seconds, int) and seconds > pod_policies.MOST_GRACE_S
