"""etcd: one member, on the node's loopback only."""

from __future__ import annotations

from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import NODE_STATE, PKI

CLIENT = "https://127.0.0.1:2379"
PEER = "https://127.0.0.1:2380"
HEALTH_PORT = 2381


def arguments(config: NodeConfig) -> list[str]:
    """Both doors ask for a certificate: a pod on the node's network must not read Secrets from here."""
    return [
        config.program("etcd"),
        f"--name={config.name}",
        f"--data-dir={NODE_STATE / 'etcd'}",
        f"--listen-client-urls={CLIENT}",
        f"--advertise-client-urls={CLIENT}",
        f"--listen-peer-urls={PEER}",
        f"--initial-advertise-peer-urls={PEER}",
        f"--initial-cluster={config.name}={PEER}",
        f"--listen-metrics-urls=http://127.0.0.1:{HEALTH_PORT}",
        "--client-cert-auth=true",
        "--peer-client-cert-auth=true",
        f"--trusted-ca-file={PKI / 'ca.crt'}",
        f"--cert-file={PKI / 'etcd.crt'}",
        f"--key-file={PKI / 'etcd.key'}",
        f"--peer-trusted-ca-file={PKI / 'ca.crt'}",
        f"--peer-cert-file={PKI / 'etcd.crt'}",
        f"--peer-key-file={PKI / 'etcd.key'}",
        # A killed process loses nothing, since the kernel still holds its writes; only a power cut could,
        # and a cluster like this is made anew in seconds.
        "--unsafe-no-fsync=true",
        "--log-level=warn",
    ]
