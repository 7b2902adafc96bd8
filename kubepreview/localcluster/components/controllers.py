"""kube-controller-manager and kube-scheduler: one of each, so neither holds an election."""

from __future__ import annotations

from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import CONFIG, PKI

CONTROLLER_MANAGER_PORT = 10257
SCHEDULER_PORT = 10259


def controller_manager_arguments(config: NodeConfig) -> list[str]:
    """The one node gets the whole pod range, which is also what the CNI hands out."""
    kubeconfig = CONFIG / "kube-controller-manager.kubeconfig"
    return [
        config.program("kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={CONTROLLER_MANAGER_PORT}",
        f"--tls-cert-file={PKI / 'kube-controller-manager.crt'}",
        f"--tls-private-key-file={PKI / 'kube-controller-manager.key'}",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        # Each controller fetches a token of its own at the start; the default of 20 a second makes that 5 s.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        f"--service-account-private-key-file={PKI / 'service-account.key'}",
        f"--root-ca-file={PKI / 'ca.crt'}",
        f"--cluster-signing-cert-file={PKI / 'ca.crt'}",
        f"--cluster-signing-key-file={PKI / 'ca.key'}",
        f"--requestheader-client-ca-file={PKI / 'front-proxy-ca.crt'}",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={config.ranges.pods}",
        f"--node-cidr-mask-size={config.ranges.pods.prefixlen}",
        f"--service-cluster-ip-range={config.ranges.services}",
        # Its default is a directory below /usr, which it would make on the host.
        f"--flex-volume-plugin-dir={CONFIG / 'volume-plugins'}",
        "--profiling=false",
    ]


def scheduler_arguments(config: NodeConfig) -> list[str]:
    """The default profile."""
    kubeconfig = CONFIG / "kube-scheduler.kubeconfig"
    return [
        config.program("kube-scheduler"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={SCHEDULER_PORT}",
        f"--tls-cert-file={PKI / 'kube-scheduler.crt'}",
        f"--tls-private-key-file={PKI / 'kube-scheduler.key'}",
        "--leader-elect=false",
        "--profiling=false",
    ]
