"""What the host's loopback shows of the node: ingress, apiserver, registry."""

from __future__ import annotations

from kubepreview.localcluster.components import apiserver
from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import HOST_NETWORK


def arguments(config: NodeConfig) -> list[str]:
    """It runs in the host's network, and otherwise lives and dies with the node."""
    ranges, ports = config.ranges, config.ports
    return [
        "nsenter",
        f"--net={HOST_NETWORK}",
        config.program("publish"),
        f"127.0.0.1:{ports.ingress}={ranges.ingress}:80",
        f"127.0.0.1:{ports.api}={ranges.node}:{apiserver.PORT}",
        f"127.0.0.1:{ports.registry}={ranges.node}:{ports.registry}",
    ]
