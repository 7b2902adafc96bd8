"""Hostile pods by class: each is one field, or a few, of an otherwise ordinary pod's spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kubepreview.core import isolation
from kubepreview.core.installation import DEFAULT_IMAGE

DIGEST: Final = "sha256:" + "c" * 64
IMAGE: Final = f"registry.example.com/acme/web@{DIGEST}"
_PORT: Final = {"port": 80, "host": "10.0.0.1"}


def container(**fields: Any) -> Mapping[str, Any]:
    """The part of a pod's spec that holds one container, with these fields."""
    return {"containers": [{"name": "web", "image": IMAGE, **fields}]}


def _context(**fields: Any) -> Mapping[str, Any]:
    return container(securityContext=fields)


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
    f"{handler}.{way}": container(**{handler: {way: _PORT}})
    for handler in ("livenessProbe", "readinessProbe", "startupProbe")
    for way in ("httpGet", "tcpSocket")
} | {
    f"lifecycle.{hook}.{way}": container(lifecycle={hook: {way: _PORT}})
    for hook in ("postStart", "preStop")
    for way in ("httpGet", "tcpSocket")
}

_WAITING: Final[Mapping[str, Any]] = {
    "name": isolation.NAME,
    "image": DEFAULT_IMAGE,
    "command": list(isolation.COMMAND),
}
# By what the container would do otherwise.
_NOT_WAITING: Final[Mapping[str, Mapping[str, Any]]] = {
    "a command": {"command": ["true"]},
    "arguments": {**_WAITING, "args": ["-c", "pass"]},
    "a variable": {**_WAITING, "env": [{"name": "KUBERNETES_SERVICE_HOST", "value": "192.0.2.1"}]},
    "a file": {**_WAITING, "volumeMounts": [{"name": "v", "mountPath": "/opt"}]},
    "a sidecar": {**_WAITING, "restartPolicy": "Always"},
    "an image": {**_WAITING, "image": IMAGE},
}

# By class: fields of a pod's spec.
POD_SPECS: Final[Mapping[str, Mapping[str, Any]]] = {
    "T17 hostNetwork": {"hostNetwork": True},
    "T17 hostPID": {"hostPID": True},
    "T17 hostIPC": {"hostIPC": True},
    "T17 hostPath": _volume("hostPath", path="/"),
    "T17 hostPath socket": _volume("hostPath", path="/run/containerd/containerd.sock", type="Socket"),
    "T17 hostPort": container(ports=[{"containerPort": 80, "hostPort": 80}]),
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
        **container(),
        "initContainers": [{"name": "i", "image": IMAGE, "securityContext": {"privileged": True}}],
    },
    **{f"T17 {name} to another host": spec for name, spec in _HANDLERS.items()},
    "T18 the node's users": {"hostUsers": True},
    "T19 nodeName": {"nodeName": "node-1"},
    "T19 a runtime class": {"runtimeClassName": "bare"},
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
    "T31 projected token": {
        "serviceAccountName": "default",
        **_projected("serviceAccountToken", path="token", audience="sts.example.com"),
    },
    "T31 projected trust": _projected("clusterTrustBundle", path="ca", name="x"),
    "T37 a tag": container(image="registry.example.com/acme/web:v1"),
    "T37 latest": container(image="registry.example.com/acme/web"),
    "T37 a tag of an init container": {
        **container(),
        "initContainers": [{"name": "i", "image": "registry.example.com/acme/web:v1"}],
    },
    "T38 an image from elsewhere": container(image=f"docker.io/miner/xmrig@{DIGEST}"),
    "T38 a prefix that only looks like it": container(image=f"registry.example.com.evil.io/web@{DIGEST}"),
    "T38 an image as a volume": _volume("image", reference=f"docker.io/evil/tools@{DIGEST}"),
    **{
        f"T40 waits for nothing ({what})": {
            **container(),
            **_volume("emptyDir", sizeLimit="1Mi"),
            "initContainers": [{"name": isolation.NAME, "image": DEFAULT_IMAGE, **fields}],
        }
        for what, fields in _NOT_WAITING.items()
    },
    "T40 begins before it waits": {
        **container(),
        "initContainers": [{"name": "first", "image": IMAGE}, _WAITING],
    },
    "T45 nfs": _volume("nfs", server="10.0.0.1", path="/"),
    "T45 iscsi": _volume("iscsi", targetPortal="10.0.0.1:3260", iqn="iqn.2001-04.com.example:storage", lun=0),
    "T45 cephfs": _volume("cephfs", monitors=["10.0.0.1:6789"]),
    "T45 a driver of the node": _volume("flexVolume", driver="example.com/x"),
    "T45 an inline csi volume": _volume("csi", driver="secrets-store.csi.k8s.io", readOnly=True),
    "T63 a grace of an hour": {"terminationGracePeriodSeconds": 3600},
}
