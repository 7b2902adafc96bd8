"""All that makes a node what it is, as text: golden files hold it, and a change of it restarts the node."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from kubepreview.localcluster import addons, mounts, network
from kubepreview.localcluster.components import (
    apiserver,
    containerd,
    controllers,
    etcd,
    kube_proxy,
    kube_router,
    kubelet,
    publish,
    registry,
)
from kubepreview.localcluster.components.files import configuration_files
from kubepreview.localcluster.config import NodeConfig


def arguments(config: NodeConfig) -> Mapping[str, Sequence[str]]:
    """The argument list of each program."""
    return {
        "etcd": etcd.arguments(config),
        "kube-apiserver": apiserver.arguments(config),
        "kube-controller-manager": controllers.controller_manager_arguments(config),
        "kube-scheduler": controllers.scheduler_arguments(config),
        "kubelet": kubelet.arguments(config),
        "kube-proxy": kube_proxy.arguments(config),
        "kube-router": kube_router.arguments(config),
        "containerd": containerd.arguments(config),
        "registry": registry.arguments(config),
        "publish": publish.arguments(config),
    }


def texts(config: NodeConfig) -> Mapping[str, str]:
    """Name → text, of everything."""
    found = {f"arguments/{name}.txt": _lines([argv]) for name, argv in arguments(config).items()}
    found |= configuration_files(config)
    found["mounts.txt"] = _lines(mounts.mounting(config), between=" ")
    found["network.txt"] = _lines(network.joining(config), between=" ")
    found["objects.json"] = json.dumps(list(addons.objects(config)), indent=2) + "\n"
    return found


def digest(config: NodeConfig) -> str:
    """Differs when anything of it does."""
    everything = json.dumps(texts(config), sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()[:16]


def _lines(commands: Iterable[Sequence[str]], between: str = "\n") -> str:
    return "".join(f"{between.join(command)}\n" for command in commands)
