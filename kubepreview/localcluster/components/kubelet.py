"""The kubelet, on a machine that is somebody's desk and not a server."""

from __future__ import annotations

import json

from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import CONFIG, CONTAINERD_SOCKET, PKI

HEALTH_PORT = 10248
CONFIGURATION = CONFIG / "kubelet.json"
RESOLV_CONF = CONFIG / "resolv.conf"

# What the kubelet writes to the kernel at its start, for the whole machine, unless it finds it so already.
# The node shows it these values, and the machine keeps its own.
EXPECTED_TUNABLES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}

# A nearly full disk is the user's business: no eviction and no deletion of images because of it.
_EVICTION = {
    "evictionHard": {
        "memory.available": "100Mi",
        "nodefs.available": "0%",
        "nodefs.inodesFree": "0%",
        "imagefs.available": "0%",
        "imagefs.inodesFree": "0%",
    },
    "imageGCHighThresholdPercent": 100,
    "imageGCLowThresholdPercent": 99,
}


def arguments(config: NodeConfig) -> list[str]:
    """Flags for what the configuration file does not hold."""
    return [
        config.program("kubelet"),
        f"--config={CONFIGURATION}",
        f"--kubeconfig={CONFIG / 'node.kubeconfig'}",
        f"--hostname-override={config.name}",
        f"--node-ip={config.ranges.node}",
    ]


def configuration(config: NodeConfig) -> str:
    """KubeletConfiguration; every value that is not the default has its reason beside it."""
    document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(PKI / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(PKI / "kubelet.crt"),
        "tlsPrivateKeyFile": str(PKI / "kubelet.key"),
        "clusterDNS": [str(config.ranges.dns)],
        "clusterDomain": "cluster.local",
        # The host's search domains would make names in pods depend on the machine.
        "resolvConf": str(RESOLV_CONF),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "healthzPort": HEALTH_PORT,
        # Its default is a directory below /usr, which it would make on the host.
        "volumePluginDir": str(CONFIG / "volume-plugins"),
        # Nothing below the node's own cgroup is shared with the host's services.
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{config.cgroup}",
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        # Lets it start where it may not lower its own OOM score.
        "featureGates": {"KubeletInUserNamespace": True},
        **_EVICTION,
        # An image that is on the node is everybody's: all come from this machine, and none is secret.
        "imagePullCredentialsVerificationPolicy": "NeverVerify",
        "serializeImagePulls": False,
        # Whoever breaks something at a desk wants to see it mended: the default grows to five minutes.
        "crashLoopBackOff": {"maxContainerRestartPeriod": "1s"},
        "maxPods": 250,
        # A pod that starts processes without end has none left, and everybody else has.
        "podPidsLimit": 4096,
    }
    return json.dumps(document, indent=2) + "\n"
