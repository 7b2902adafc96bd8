"""What the cluster would refuse, told before anything is sent: each object, field, rule and cure at once.

This is the third wall, for good messages only; the apiserver's own (Pod Security, RBAC, admission
policies) hold whether or not this was run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct

from kubepreview.core import kinds
from kubepreview.core.kinds import as_mapping
from kubepreview.core.wire import Object
from kubepreview.errors import Problem

# Pod Security `baseline`, version 1.34.
_CAPABILITIES: Final = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
_SYSCTLS: Final = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
_CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
_HANDLERS: Final = ("livenessProbe", "readinessProbe", "startupProbe")

# Kinds that people bring most often, with what to do instead.
_KIND_CURES: Final = {
    "Namespace": "remove it; the preview has a namespace of its own",
    "Ingress": "remove it; the route is written for you, from the entry in preview.yml",
    "HTTPRoute": "remove it; the route is written for you, from the entry in preview.yml",
    "NetworkPolicy": "remove it; the preview's network is closed but to itself, DNS and the ingress",
    "CustomResourceDefinition": "have a cluster administrator install it",
}
_RIGHTS: Final = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})


class Limits(Struct, frozen=True, kw_only=True):
    """What the project allows. `namespace` is the preview's own."""

    namespace: str
    daemon_sets: Literal["Deployment", "Keep"] = "Deployment"
    image_prefixes: tuple[str, ...] = ()


class _Fault(NamedTuple):
    field: str
    rule: str
    cure: str
    # The apiserver takes it; it is the controller that does not.
    is_for_controller: bool = False


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


def _faults(obj: Object, limits: Limits) -> Iterator[_Fault]:
    kind = kinds.ALLOWED.get((str(obj.get("apiVersion")), str(obj.get("kind"))))
    if kind is None:
        yield _kind_fault(obj)
        return
    if kind is kinds.DAEMON_SET and limits.daemon_sets != "Keep":
        yield _Fault(
            "kind",
            "the project turns DaemonSets into Deployments",
            "render it so, or set the project's daemonSets to Keep",
            is_for_controller=True,
        )
    namespace = as_mapping(obj.get("metadata")).get("namespace")
    if namespace not in (None, "", limits.namespace):
        yield _Fault(
            "metadata.namespace",
            f"is {namespace!r}, and a preview's objects live in {limits.namespace}",
            "leave the field out",
            is_for_controller=True,
        )
    if kind.kind == "Service":
        yield from _service_faults(as_mapping(obj.get("spec")))
    if kind.kind == "ServiceAccount":
        yield from _token_faults("", obj)
    template = kinds.pod_template(obj)
    if template is not None:
        prefix = ".".join((*kind.pod_template, "spec"))
        for fault in _pod_faults(as_mapping(template.get("spec")), limits):
            yield fault._replace(field=f"{prefix}.{fault.field}")


def _kind_fault(obj: Object) -> _Fault:
    api_version, kind = obj.get("apiVersion"), str(obj.get("kind"))
    versions = [version for version, allowed in kinds.ALLOWED if allowed == kind]
    if versions:
        return _Fault(
            "apiVersion", f"{api_version!r} is not one that is served for a {kind}", f"use {versions[0]}"
        )
    allowed = ", ".join(sorted(name for _, name in kinds.ALLOWED))
    cure = (
        "remove it; a preview may not grant rights" if kind in _RIGHTS else _KIND_CURES.get(kind, "remove it")
    )
    return _Fault("kind", f"{kind} is not part of a preview; allowed are {allowed}", cure)


def _service_faults(spec: Mapping[str, Any]) -> Iterator[_Fault]:
    if spec.get("type", "ClusterIP") != "ClusterIP":
        yield _Fault(
            "spec.type",
            f"is {spec['type']}, and a preview is reached through its route only",
            "leave the field out",
        )
    if spec.get("externalIPs"):
        yield _Fault(
            "spec.externalIPs", "a preview answers on no address but its route", "leave the field out"
        )
    if spec.get("externalName"):
        yield _Fault(
            "spec.externalName",
            "a Service of a preview leads to its own pods only",
            "leave the field out, and select pods",
        )


def _token_faults(prefix: str, holder: Mapping[str, Any]) -> Iterator[_Fault]:
    if holder.get("automountServiceAccountToken"):
        yield _Fault(
            f"{prefix}automountServiceAccountToken",
            "no pod of a preview gets a token of the cluster",
            "leave the field out",
        )


def _pod_faults(spec: Mapping[str, Any], limits: Limits) -> Iterator[_Fault]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield _Fault(name, "a preview's pod does not share the node's namespaces", "leave the field out")
    if spec.get("nodeName"):
        yield _Fault("nodeName", "the scheduler places the pods of a preview", "leave the field out")
    if str(spec.get("priorityClassName") or "").startswith("system-"):
        yield _Fault("priorityClassName", "a preview never displaces other work", "leave the field out")
    yield from _token_faults("", spec)
    yield from _volume_faults(spec)
    yield from _security_faults("securityContext", as_mapping(spec.get("securityContext")))
    for list_name in _CONTAINER_LISTS:
        for index, container in enumerate(_mappings(spec.get(list_name))):
            for fault in _container_faults(container, limits):
                yield fault._replace(field=f"{list_name}[{index}].{fault.field}")


def _volume_faults(spec: Mapping[str, Any]) -> Iterator[_Fault]:
    for index, volume in enumerate(_mappings(spec.get("volumes"))):
        if "hostPath" in volume:
            yield _Fault(
                f"volumes[{index}].hostPath",
                "a preview's pod does not reach the node's files",
                "use an emptyDir or a PersistentVolumeClaim",
            )
        for source in _mappings(as_mapping(volume.get("projected")).get("sources")):
            if "serviceAccountToken" in source:
                yield _Fault(
                    f"volumes[{index}].projected",
                    "no pod of a preview gets a token of the cluster",
                    "remove the serviceAccountToken",
                )


def _container_faults(container: Mapping[str, Any], limits: Limits) -> Iterator[_Fault]:
    yield from _image_faults(container.get("image"), limits)
    for index, port in enumerate(_mappings(container.get("ports"))):
        if port.get("hostPort"):
            yield _Fault(
                f"ports[{index}].hostPort",
                "a preview takes no port of the node",
                "leave it out; use a Service",
            )
    context = as_mapping(container.get("securityContext"))
    if context.get("privileged"):
        yield _Fault("securityContext.privileged", "a preview's container is not privileged", "leave it out")
    added = as_mapping(context.get("capabilities")).get("add")
    for capability in added if isinstance(added, list) else ():
        if capability not in _CAPABILITIES:
            yield _Fault(
                "securityContext.capabilities.add",
                f"{capability} is not among those that Pod Security baseline allows",
                f"remove it; allowed are {', '.join(sorted(_CAPABILITIES))}",
            )
    if context.get("procMount", "Default") != "Default":
        yield _Fault("securityContext.procMount", "a preview's container sees a masked /proc", "leave it out")
    yield from _security_faults("securityContext", context)
    yield from _handler_faults(container)


def _security_faults(prefix: str, context: Mapping[str, Any]) -> Iterator[_Fault]:
    for profile in ("seccompProfile", "appArmorProfile"):
        if as_mapping(context.get(profile)).get("type") == "Unconfined":
            yield _Fault(
                f"{prefix}.{profile}", "is Unconfined, and a preview's pod is confined", "leave it out"
            )
    if as_mapping(context.get("windowsOptions")).get("hostProcess"):
        yield _Fault(
            f"{prefix}.windowsOptions.hostProcess",
            "a preview does not run on the node itself",
            "leave it out",
        )
    for sysctl in _mappings(context.get("sysctls")):
        if sysctl.get("name") not in _SYSCTLS:
            yield _Fault(
                f"{prefix}.sysctls",
                f"{sysctl.get('name')} is not among those that Pod Security baseline allows",
                "remove it",
            )


def _handler_faults(container: Mapping[str, Any]) -> Iterator[_Fault]:
    lifecycle = as_mapping(container.get("lifecycle"))
    handlers = {name: as_mapping(container.get(name)) for name in _HANDLERS}
    handlers |= {f"lifecycle.{name}": as_mapping(lifecycle.get(name)) for name in ("postStart", "preStop")}
    for name, handler in handlers.items():
        for way in ("httpGet", "tcpSocket"):
            if as_mapping(handler.get(way)).get("host"):
                yield _Fault(
                    f"{name}.{way}.host",
                    "the kubelet asks the pod itself, and no other host",
                    "leave the field out",
                )


def _image_faults(image: Any, limits: Limits) -> Iterator[_Fault]:
    if not isinstance(image, str) or not image:
        yield _Fault("image", "is missing", "name the image", is_for_controller=True)
        return
    if "@sha256:" not in image:
        yield _Fault(
            "image",
            f"{image} has no digest, and a tag can move",
            "give it by --image NAME=REF@sha256:…",
            is_for_controller=True,
        )
    if limits.image_prefixes and not image.startswith(limits.image_prefixes):
        yield _Fault(
            "image",
            f"{image} is from elsewhere than the project allows",
            f"use an image that begins with {' or '.join(limits.image_prefixes)}",
            is_for_controller=True,
        )


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; nothing for what is no list, since an author may have written anything."""
    return [as_mapping(item) for item in value] if isinstance(value, list) else []
