"""What the cluster would refuse of a pod, field by field: as early, and for good messages only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct

from kubepreview.core import isolation, pod_policies
from kubepreview.core.kinds import as_mapping, as_mappings

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
_SELINUX_TYPES: Final = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
_HANDLERS: Final = ("livenessProbe", "readinessProbe", "startupProbe")


class Limits(Struct, frozen=True, kw_only=True):
    """What the project allows. `namespace` is the preview's own."""

    namespace: str
    daemon_sets: Literal["Deployment", "Keep"] = "Deployment"
    image_prefixes: tuple[str, ...] = ()
    pod_profile: Literal["userns", "restricted"] = "userns"


class Fault(NamedTuple):
    """A field, the rule that it breaks, and the cure."""

    field: str
    rule: str
    cure: str
    # The apiserver takes it; it is the controller that does not.
    is_for_controller: bool = False


def token_faults(prefix: str, holder: Mapping[str, Any]) -> Iterator[Fault]:
    """Of what may offer a token: a pod's spec, or a ServiceAccount."""
    if holder.get("automountServiceAccountToken"):
        yield Fault(
            f"{prefix}automountServiceAccountToken",
            "no pod of a preview gets a token of the cluster",
            "leave the field out",
        )


def pod_faults(spec: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    """Of a pod's spec; the fields are told from there."""
    yield from _node_faults(spec, limits)
    yield from _placing_faults(spec)
    yield from _ending_faults(spec)
    yield from token_faults("", spec)
    yield from _affinity_faults(as_mapping(spec.get("affinity")))
    yield from _volume_faults(spec)
    yield from _security_faults("securityContext", as_mapping(spec.get("securityContext")))
    for list_name in _CONTAINER_LISTS:
        for index, container in enumerate(as_mappings(spec.get(list_name))):
            if container.get("name") == isolation.NAME:
                yield Fault(
                    f"{list_name}[{index}].name",
                    "by this name goes the container that waits for the network policies",
                    "choose another name",
                )
            for fault in _container_faults(container, limits):
                yield fault._replace(field=f"{list_name}[{index}].{fault.field}")


def _node_faults(spec: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield Fault(name, "a preview's pod does not share the node's namespaces", "leave the field out")
    if spec.get("hostUsers") and limits.pod_profile == "userns":
        yield Fault("hostUsers", "every pod of this project has users of its own", "leave the field out")


def _ending_faults(spec: Mapping[str, Any]) -> Iterator[Fault]:
    grace = spec.get("terminationGracePeriodSeconds")
    if isinstance(grace, int) and grace > pod_policies.MOST_GRACE_S:
        yield Fault(
            "terminationGracePeriodSeconds",
            f"is more than {pod_policies.MOST_GRACE_S}, and a preview ends soon",
            "leave the field out",
        )


def _affinity_faults(affinity: Mapping[str, Any]) -> Iterator[Fault]:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = as_mapping(affinity.get(kind)).values()
        flat = [each for listed in terms for each in as_mappings(listed)]
        flat += [as_mapping(each.get("podAffinityTerm")) for each in flat]
        if any({"namespaces", "namespaceSelector"} & each.keys() for each in flat):
            yield Fault(
                f"affinity.{kind}",
                "speaks of other namespaces, and a preview keeps no other pod from a node",
                "leave namespaces and namespaceSelector out",
            )


def _placing_faults(spec: Mapping[str, Any]) -> Iterator[Fault]:
    if str(spec.get("priorityClassName") or "").startswith("system-"):
        yield Fault("priorityClassName", "a preview never displaces other work", "leave the field out")
    if spec.get("runtimeClassName"):
        yield Fault("runtimeClassName", "the project chooses by what its pods run", "leave the field out")
    if spec.get("nodeName"):
        yield Fault("nodeName", "the scheduler places the pods of a preview", "leave the field out")
    if spec.get("schedulerName", "default-scheduler") != "default-scheduler":
        yield Fault(
            "schedulerName",
            "the cluster's own scheduler places the pods of a preview",
            "leave the field out",
        )
    for index, each in enumerate(as_mappings(spec.get("tolerations"))):
        if each.get("key") not in pod_policies.TOLERATIONS:
            yield Fault(
                f"tolerations[{index}]", "the pods of a preview run where any pod may", "leave it out"
            )


def _volume_faults(spec: Mapping[str, Any]) -> Iterator[Fault]:
    for index, volume in enumerate(as_mappings(spec.get("volumes"))):
        if "hostPath" in volume:
            yield Fault(
                f"volumes[{index}].hostPath",
                "a preview's pod does not reach the node's files",
                "use an emptyDir or a PersistentVolumeClaim",
            )
        for name in sorted(volume.keys() - {"name", "hostPath", *pod_policies.VOLUMES}):
            yield Fault(
                f"volumes[{index}].{name}",
                "the node itself would mount it, with its own network and rights",
                "remove it, or use a PersistentVolumeClaim",
            )
        for source in as_mappings(as_mapping(volume.get("projected")).get("sources")):
            for name in sorted(source.keys() - set(pod_policies.PROJECTED)):
                yield Fault(
                    f"volumes[{index}].projected",
                    "no pod of a preview gets a token or a certificate of the cluster",
                    f"remove the {name}",
                )


def _container_faults(container: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    yield from _image_faults(container.get("image"), limits)
    for index, port in enumerate(as_mappings(container.get("ports"))):
        if port.get("hostPort"):
            yield Fault(
                f"ports[{index}].hostPort",
                "a preview takes no port of the node",
                "leave it out; use a Service",
            )
    context = as_mapping(container.get("securityContext"))
    if context.get("privileged"):
        yield Fault("securityContext.privileged", "a preview's container is not privileged", "leave it out")
    added = as_mapping(context.get("capabilities")).get("add")
    for capability in added if isinstance(added, list) else ():
        if capability not in _CAPABILITIES:
            yield Fault(
                "securityContext.capabilities.add",
                f"{capability} is not among those that Pod Security baseline allows",
                f"remove it; allowed are {', '.join(sorted(_CAPABILITIES))}",
            )
    if context.get("procMount", "Default") != "Default":
        yield Fault("securityContext.procMount", "a preview's container sees a masked /proc", "leave it out")
    yield from _security_faults("securityContext", context)
    yield from _handler_faults(container)


def _security_faults(prefix: str, context: Mapping[str, Any]) -> Iterator[Fault]:
    for profile in ("seccompProfile", "appArmorProfile"):
        if as_mapping(context.get(profile)).get("type") == "Unconfined":
            yield Fault(
                f"{prefix}.{profile}", "is Unconfined, and a preview's pod is confined", "leave it out"
            )
    yield from _selinux_faults(f"{prefix}.seLinuxOptions", as_mapping(context.get("seLinuxOptions")))
    if as_mapping(context.get("windowsOptions")).get("hostProcess"):
        yield Fault(
            f"{prefix}.windowsOptions.hostProcess",
            "a preview does not run on the node itself",
            "leave it out",
        )
    for sysctl in as_mappings(context.get("sysctls")):
        if sysctl.get("name") not in _SYSCTLS:
            yield Fault(
                f"{prefix}.sysctls",
                f"{sysctl.get('name')} is not among those that Pod Security baseline allows",
                "remove it",
            )


def _selinux_faults(prefix: str, selinux: Mapping[str, Any]) -> Iterator[Fault]:
    if selinux.get("type", "") not in _SELINUX_TYPES:
        yield Fault(
            f"{prefix}.type",
            f"{selinux['type']} is not among those that Pod Security baseline allows",
            "leave it out",
        )
    for name in ("user", "role"):
        if selinux.get(name):
            yield Fault(f"{prefix}.{name}", "a preview's pod takes the node's default", "leave it out")


def _handler_faults(container: Mapping[str, Any]) -> Iterator[Fault]:
    lifecycle = as_mapping(container.get("lifecycle"))
    handlers = {name: as_mapping(container.get(name)) for name in _HANDLERS}
    handlers |= {f"lifecycle.{name}": as_mapping(lifecycle.get(name)) for name in ("postStart", "preStop")}
    for name, handler in handlers.items():
        for way in ("httpGet", "tcpSocket"):
            if as_mapping(handler.get(way)).get("host"):
                yield Fault(
                    f"{name}.{way}.host",
                    "the kubelet asks the pod itself, and no other host",
                    "leave the field out",
                )


def _image_faults(image: Any, limits: Limits) -> Iterator[Fault]:
    if not isinstance(image, str) or not image:
        yield Fault("image", "is missing", "name the image", is_for_controller=True)
        return
    if "@sha256:" not in image:
        yield Fault(
            "image",
            f"{image} has no digest, and a tag can move",
            "give it by --image NAME=REF@sha256:…",
            is_for_controller=True,
        )
    if limits.image_prefixes and not image.startswith(limits.image_prefixes):
        yield Fault(
            "image",
            f"{image} is from elsewhere than the project allows",
            f"use an image that begins with {' or '.join(limits.image_prefixes)}",
            is_for_controller=True,
        )
