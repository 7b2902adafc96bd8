"""The node's view of the file system: the host's, with its own state where programs look for theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kubepreview.localcluster.components.kubelet import EXPECTED_TUNABLES
from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import NODE_STATE
from kubepreview.localcluster.process import run

_OWN = "/run/kubepreview"


def mounting(config: NodeConfig) -> Iterator[list[str]]:
    """The commands, in order, for a mount namespace that is private and has a fresh /proc."""
    yield ["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run"]
    state, upper, work, proc = (f"{_OWN}/{name}" for name in ("state", "upper", "work", "proc"))
    yield ["mkdir", "-p", state, upper, work, proc, f"{_OWN}/cgroup", f"{_OWN}/tunables"]
    yield ["mount", "--bind", config.state, state]
    # Programs that insist on a place below /var write to memory there, and the host sees nothing of it.
    layers = f"lowerdir=/var,upperdir={upper},workdir={work}"
    yield ["mount", "-t", "overlay", "-o", layers, "overlay", "/var"]
    binds = {
        str(NODE_STATE): state,
        "/var/lib/kubelet": f"{state}/kubelet",
        "/var/log/pods": f"{state}/logs/pods",
    }
    for target, source in binds.items():
        yield ["mkdir", "-p", target, source]
        yield ["mount", "--bind", source, target]
    # A sysfs shows the network devices of the namespace it was mounted in.
    yield ["mount", "--move", "/sys/fs/cgroup", f"{_OWN}/cgroup"]
    yield ["umount", "--recursive", "/sys"]
    yield ["mount", "-t", "sysfs", "sysfs", "/sys"]
    yield ["mount", "--move", f"{_OWN}/cgroup", "/sys/fs/cgroup"]
    # A user namespace may mount a /proc only where a whole one is already seen; `mount` covers parts of ours.
    yield ["mount", "-t", "proc", "proc", proc]
    # Mounts of pods travel between kubelet, containerd and containers, and never to the host.
    yield ["mount", "--make-rshared", "/"]


def mount(config: NodeConfig) -> None:
    """Make the view."""
    for command in mounting(config):
        run(command)
    # The node has no way out: a name server it cannot reach would stall every pull of an unknown image.
    # Where the file was a link into the host's /run, it is gone already.
    if Path("/etc/resolv.conf").exists():
        run(["mount", "--bind", "/dev/null", "/etc/resolv.conf"])
    for number, (name, value) in enumerate(EXPECTED_TUNABLES.items()):
        file = Path(_OWN, "tunables", str(number))
        file.write_text(f"{value}\n")
        run(["mount", "--bind", str(file), f"/proc/sys/{name}"])
