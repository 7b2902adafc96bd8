"""containerd, its CNI network, and where it finds the cluster's registry."""

from __future__ import annotations

import json

from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import CNI_CONFIG, CONFIG, CONTAINERD_SOCKET, NODE_STATE, REGISTRY_HOSTS

CONFIGURATION = CONFIG / "containerd.toml"
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")


def arguments(config: NodeConfig) -> list[str]:
    """All is in the file."""
    return [config.program("containerd"), f"--config={CONFIGURATION}"]


def configuration(config: NodeConfig) -> str:
    """Version 3 of containerd's configuration."""
    return f"""\
version = 3
root = "{NODE_STATE / "containerd"}"
state = "{CONTAINERD_SOCKET.parent}"
# NRI would look for plugins in the host's /opt; the others need kernel features that nothing here asks for.
disabled_plugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.differ.v1.erofs",
  "io.containerd.image-verifier.v1.bindir",
]

[grpc]
address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
path = "{NODE_STATE / "containerd-opt"}"

{_images(config)}
{_runtime(config)}"""


def _images(config: NodeConfig) -> str:
    return f"""\
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{config.images.pause}"

[plugins."io.containerd.cri.v1.images".registry]
config_path = "{REGISTRY_HOSTS}"
"""


def _runtime(config: NodeConfig) -> str:
    cni_directories = json.dumps(config.program_directories(*CNI_PLUGINS))
    return f"""\
[plugins."io.containerd.cri.v1.runtime"]
# Without CAP_SYS_RESOURCE a score below containerd's own cannot be given.
restrict_oom_score_adj = true
# CDI describes devices of the host; no pod of ours is given any.
cdi_spec_dirs = []

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = {cni_directories}
conf_dir = "{CNI_CONFIG}"

[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "{config.program("runc")}"
SystemdCgroup = false
"""


def network(config: NodeConfig) -> str:
    """One bridge over the cluster's own range. No masquerading: host and pods have routes to each other."""
    document = {
        "cniVersion": "1.0.0",
        "name": config.bridge,
        "plugins": [
            {
                "type": "bridge",
                "bridge": config.bridge,
                "isGateway": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": str(config.ranges.pods)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    # On a tmpfs: leases end with the network they were given in.
                    "dataDir": "/run/cni",
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def registry_host(config: NodeConfig) -> str:
    """`localhost:PORT/name` is the cluster's registry, for the node as for the host."""
    server = f"http://127.0.0.1:{config.ports.registry}"
    return f"""\
server = "{server}"

[host."{server}"]
capabilities = ["pull", "resolve"]
"""
