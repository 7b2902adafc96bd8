"""Every configuration file of a node, by its path below the state directory."""

from __future__ import annotations

from collections.abc import Mapping

from kubepreview.localcluster.components import (
    apiserver,
    containerd,
    kube_proxy,
    kubeconfig,
    kubelet,
    registry,
)
from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import CNI_CONFIG, NODE_STATE, REGISTRY_HOSTS

_CLIENTS = ("kube-controller-manager", "kube-scheduler", "kube-proxy", "kube-router", "node")


def configuration_files(config: NodeConfig) -> Mapping[str, str]:
    """Path → text. No secret is among them."""
    files = {
        apiserver.AUTHENTICATION: apiserver.authentication(),
        containerd.CONFIGURATION: containerd.configuration(config),
        CNI_CONFIG / "10-kubepreview.conflist": containerd.network(config),
        REGISTRY_HOSTS / f"localhost:{config.ports.registry}" / "hosts.toml": containerd.registry_host(
            config
        ),
        kubelet.CONFIGURATION: kubelet.configuration(config),
        # No name server: a pod that asks for the node's DNS gets no answer rather than the host's.
        kubelet.RESOLV_CONF: "",
        kube_proxy.CONFIGURATION: kube_proxy.configuration(config),
        registry.CONFIGURATION: registry.configuration(config),
    }
    for identity in _CLIENTS:
        files[NODE_STATE / "config" / f"{identity}.kubeconfig"] = kubeconfig.of_component(identity)
    return {str(path.relative_to(NODE_STATE)): text for path, text in files.items()}
