"""kube-router, of which only the network policies are used."""

from __future__ import annotations

from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import CONFIG

HEALTH_PORT = 20244


def arguments(config: NodeConfig) -> list[str]:
    """A firewall, and neither a router nor a proxy."""
    return [
        config.program("kube-router"),
        f"--kubeconfig={CONFIG / 'kube-router.kubeconfig'}",
        f"--hostname-override={config.name}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--enable-ipv6=false",
        f"--service-cluster-ip-range={config.ranges.services}",
        f"--health-port={HEALTH_PORT}",
        "--metrics-port=0",
    ]
