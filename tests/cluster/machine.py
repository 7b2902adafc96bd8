"""What a machine is lent and must get back, and the hands that reach into a running cluster."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from kubepreview.core.keys import CONTROLLER, SYSTEM_NAMESPACE
from kubepreview.localcluster import configure, host
from kubepreview.localcluster.cluster import RunningCluster
from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import StateDirectory

_KUBECTL = Path(sys.executable).with_name("kubectl")
_POLL_S = 0.1

T = TypeVar("T")


def run(*command: str, stdin: str = "", check: bool = True, timeout_s: float = 60) -> str:
    """A command's output; with `check`, anything but success fails the test with its words."""
    done = subprocess.run(  # noqa: S603 - the test's own words
        command, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout if check else done.stdout + done.stderr


def eventually(look: Callable[[], T], what: str, *, timeout_s: float = 60) -> T:
    """Look until a look shows something, and return it; the test fails with what was seen last."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not seen in {timeout_s:g} s; last seen: {found!r}"
        time.sleep(_POLL_S)
    return found


def kubectl(running: RunningCluster, *arguments: str, stdin: str = "", check: bool = True) -> str:
    """The administrator's kubectl."""
    return run(str(_KUBECTL), f"--kubeconfig={running.kubeconfig}", *arguments, stdin=stdin, check=check)


def apply(running: RunningCluster, *objects: Mapping[str, Any]) -> str:
    """Apply objects."""
    return kubectl(running, "apply", "--server-side", "-f", "-", stdin=_list(objects))


def refusal(running: RunningCluster, *objects: Mapping[str, Any]) -> str:
    """What the server says to objects that are only tried."""
    tried = ("create", "--dry-run=server", "-f", "-")
    return kubectl(running, *tried, stdin=_list(objects), check=False)


def _list(objects: tuple[Mapping[str, Any], ...]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def state_of(running: RunningCluster) -> StateDirectory:
    """The cluster's directory."""
    return StateDirectory(running.kubeconfig.parent)


def config_of(running: RunningCluster) -> NodeConfig:
    """What the node was told."""
    config = configure.read(state_of(running))
    assert config is not None
    return config


def pod(name: str, image: str, *arguments: str, **spec: Any) -> dict[str, Any]:
    """A pod of one container, as small as can be."""
    container = {"name": "main", "image": image, "args": list(arguments)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, **spec},
    }


def namespace(name: str, **labels: str) -> dict[str, Any]:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def wait_until_ready(running: RunningCluster, in_namespace: str, name: str) -> None:
    """Wait for a pod."""
    ready = ("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=30s")
    kubectl(running, "-n", in_namespace, *ready)


def processes_of_pod(running: RunningCluster, in_namespace: str, name: str) -> list[int]:
    """The processes of a pod, by the host's count."""
    uid = kubectl(running, "-n", in_namespace, "get", "pod", name, "-o", "jsonpath={.metadata.uid}")
    return [pid for pid in sorted(host.processes(state_of(running))) if uid in _read(pid, "cgroup")]


def controller(running: RunningCluster) -> tuple[str, int]:
    """The pod that holds the controller's lease, and the controller's process in it; not there: ("", 0)."""
    where = ("lease", CONTROLLER, f"--namespace={SYSTEM_NAMESPACE}", "--ignore-not-found")
    pod_name = kubectl(running, "get", *where, "--output=jsonpath={.spec.holderIdentity}")
    if not pod_name or pod_name not in kubectl(running, "get", "pods", "-n", SYSTEM_NAMESPACE, "-o", "name"):
        return "", 0
    for pid in processes_of_pod(running, SYSTEM_NAMESPACE, pod_name):
        if "kubepreview" in _read(pid, "cmdline"):
            return pod_name, pid
    return "", 0


def program_of(running: RunningCluster, name: str) -> int:
    """The process of one of the node's programs, by the host's count."""
    for pid in sorted(host.processes(state_of(running))):
        if Path(_read(pid, "cmdline").split("\0")[0]).name == name:
            return pid
    raise AssertionError(f"no {name} runs in cluster {running.name}")


def kill(pid: int) -> None:
    """End a process as a crash would, and see that it has ended."""
    process = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        assert select.select([process], [], [], 10)[0], f"process {pid} ends"
    finally:
        os.close(process)


def outer_process(running: RunningCluster) -> int:
    """The process that made the namespaces, and waits for the node's first process."""
    return int(_read(host.first_process(state_of(running)), "stat").rpartition(")")[2].split()[1])


def lent(state: StateDirectory) -> dict[str, list[str]]:
    """All of this machine that a cluster takes; what names another cluster's digest is left out.

    Listed whole, not by asking the code under test: what is compared is the machine before and after.
    """
    found = {
        "processes": list(_processes(state)),
        "mounts": Path("/proc/self/mounts").read_text().splitlines(),
        "interfaces": [path.name for path in Path("/sys/class/net").iterdir()],
        "routes": run("ip", "route", "show", "table", "all").splitlines(),
        "addresses": run("ip", "-brief", "address").splitlines(),
        "rules": run("nft", "list", "ruleset").splitlines(),
        "ipsets": run("ipset", "list", "-name").splitlines(),
        "cgroups": [path for path, _, _ in os.walk("/sys/fs/cgroup") if "kube" in path],
        "network namespaces": run("ip", "netns", "list").splitlines(),
        "directories": [path for path in _HOST_DIRECTORIES if Path(path).exists()],
        "kernel": [f"{name} {Path('/proc/sys', name).read_text()}" for name in _KERNEL],
    }
    return {
        kind: sorted(line for line in lines if set(_DIGEST.findall(line)) <= {state.digest})
        for kind, lines in found.items()
    }


# In the name of a cgroup, an interface or a bridge.
_DIGEST = re.compile(r"(?:kpv|kpb|kubepreview-[a-z0-9-]*-)([0-9a-f]{8})")
# Where a kubelet, a container runtime or a CNI would leave things, unless it was kept from it.
_HOST_DIRECTORIES = (
    "/etc/cni",
    "/etc/kubernetes",
    "/opt/cni",
    "/opt/containerd",
    "/opt/nri",
    "/run/containerd",
    "/run/cni",
    "/run/kubepreview",
    "/usr/libexec/kubernetes",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/lib/kubepreview",
    "/var/log/containers",
    "/var/log/pods",
)
_KERNEL = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/ip_forward",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
)


def _processes(state: StateDirectory) -> Iterator[str]:
    """Each process that is in the cluster's cgroup, or names its directory."""
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            groups = _read(int(path.name), "cgroup").replace("\n", " ")
            command = _read(int(path.name), "cmdline").replace("\0", " ")
            if state.digest in groups or f"{state.path} " in command:
                yield f"{command} {groups}"


def _read(pid: int, file: str) -> str:
    try:
        return Path("/proc", str(pid), file).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
