"""Where things are: in a cluster's state directory, and inside the node's mount namespace."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kubepreview.errors import InvalidInput

# Inside the node the state directory is always here, so that flags, goldens and the 108 bytes of a unix
# socket's path do not depend on where a user keeps state.
NODE_STATE = PurePosixPath("/var/lib/kubepreview")
PKI = NODE_STATE / "pki"
CONFIG = NODE_STATE / "config"
CNI_CONFIG = CONFIG / "cni"
REGISTRY_HOSTS = CONFIG / "registry-hosts"
CONTAINERD_SOCKET = PurePosixPath("/run/containerd/containerd.sock")

# The node's first process keeps the host's network namespace open under this number, for those of its
# programs that have work to do there.
HOST_NETWORK_DESCRIPTOR = 100
HOST_NETWORK = f"/proc/1/fd/{HOST_NETWORK_DESCRIPTOR}"

# A cluster's name is also the name of its node and of a directory.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """One cluster's directory on the host, and the names that follow from it."""

    path: Path

    @classmethod
    def of(cls, root: Path, name: str) -> StateDirectory:
        """The directory of the cluster `name` below `root`; a name that cannot be one is refused."""
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{name!r} cannot name a cluster",
                hint="at most 40 lower-case letters, digits and dashes, with a letter or digit at both ends",
            )
        return cls(root.resolve() / name)

    @property
    def name(self) -> str:
        """The name the user gave."""
        return self.path.name

    @property
    def digest(self) -> str:
        """Tells apart clusters of one name under different roots; short enough for an interface name."""
        return hashlib.sha256(str(self.path).encode()).hexdigest()[:8]

    @property
    def cgroup(self) -> str:
        """The node's own cgroup, under the root of every hierarchy."""
        return f"kubepreview-{self.name}-{self.digest}"

    @property
    def host_interface(self) -> str:
        """The host's end of the pair that joins the node to it."""
        return f"kpv{self.digest}"

    @property
    def bridge(self) -> str:
        """The bridge of the pods."""
        return f"kpb{self.digest}"

    @property
    def lock(self) -> Path:
        """Held by whoever is starting or removing the cluster."""
        return self.path / "lock"

    @property
    def alive(self) -> Path:
        """Locked as long as the node's first process lives; the kernel lets go of it, whatever happens."""
        return self.path / "alive"

    @property
    def config(self) -> Path:
        """What the node was started with."""
        return self.path / "cluster.json"

    @property
    def status(self) -> Path:
        """What the node says of itself."""
        return self.path / "status.json"

    @property
    def kubeconfig(self) -> Path:
        """For the administrator, on the host."""
        return self.path / "kubeconfig"

    @property
    def logs(self) -> Path:
        """One file a component, and the pods' logs below `pods`."""
        return self.path / "logs"
