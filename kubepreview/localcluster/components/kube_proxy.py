"""kube-proxy in nftables mode, which leaves iptables to the network policies."""

from __future__ import annotations

import json

from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import CONFIG

HEALTH_PORT = 10256
CONFIGURATION = CONFIG / "kube-proxy.json"


def arguments(config: NodeConfig) -> list[str]:
    """All is in the file."""
    return [
        config.program("kube-proxy"),
        f"--config={CONFIGURATION}",
        f"--hostname-override={config.name}",
    ]


def configuration(config: NodeConfig) -> str:
    """KubeProxyConfiguration."""
    document = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(CONFIG / "kube-proxy.kubeconfig")},
        "clusterCIDR": str(config.ranges.pods),
        "detectLocalMode": "ClusterCIDR",
        "healthzBindAddress": f"127.0.0.1:{HEALTH_PORT}",
        "metricsBindAddress": "127.0.0.1:10249",
        # The table of connections belongs to the whole machine: leave its size and its times.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        # The default second between two writes is most of what a new endpoint waits for.
        "nftables": {"minSyncPeriod": "100ms"},
        "oomScoreAdj": 0,
    }
    return json.dumps(document, indent=2) + "\n"
