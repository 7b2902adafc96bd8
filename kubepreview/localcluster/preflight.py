"""Can a node run on this machine? Everything that stands in the way, at once, each with its cure."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kubepreview.errors import Problem, Refused
from kubepreview.localcluster import cgroups

# Debian's package of each program that runs on the node or makes its place.
PROGRAM_PACKAGES: Mapping[str, str] = {
    "conntrack": "conntrack",
    "ip": "iproute2",
    "ipset": "ipset",
    "iptables": "iptables",
    "iptables-restore": "iptables",
    "iptables-save": "iptables",
    "mount": "mount",
    "nft": "nftables",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "unshare": "util-linux",
}
_CONTROLLERS = ("cpu", "cpuset", "memory", "pids")

# Each is tried in namespaces that end with the trial, so a module that can be loaded counts as there.
# feature -> (shell commands, the module that carries it)
_TRIALS: Mapping[str, tuple[str, str]] = {
    "veth": ("ip link add trial0 type veth peer name trial1", "veth"),
    "bridge": ("ip link add trial2 type bridge", "bridge"),
    "bridge netfilter": ("test -e /proc/sys/net/bridge/bridge-nf-call-iptables", "br_netfilter"),
    "nftables": ("nft add table inet trial", "nf_tables"),
    "ipset": ("ipset create trial hash:ip", "ip_set"),
    "overlayfs": (
        """mount -t tmpfs trial /mnt && cd /mnt && mkdir l u w m &&
        mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m""",
        "overlay",
    ),
}
NAMESPACES = "network, mount and pid namespaces"
# Counted on a running node (24), and some for its pods. All of one user share the kernel's 128.
INOTIFY_INSTANCES = 32
_ELSEWHERE = "or use a cluster you have, with `--context NAME`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What was seen of a machine."""

    system: str
    root: bool
    programs: frozenset[str]
    features: Mapping[str, str]  # feature → "" or why not
    controllers: frozenset[str]
    inotify_instances: int  # how many more may be had, as far as a node needs them


def findings(machine: Machine) -> Iterator[Problem]:
    """What stands in the way. Pure: the same machine gives the same findings."""
    if machine.system != "Linux":
        yield Problem(where="operating system", what=f"a node needs Linux, and this is {machine.system}")
        return
    if not machine.root:
        yield Problem(where="user", what="namespaces and cgroups need root", cure="run it with sudo")
        return
    missing = sorted(set(PROGRAM_PACKAGES) - machine.programs)
    for name in missing:
        package = PROGRAM_PACKAGES[name]
        yield Problem(where=name, what="the program is missing", cure=f"apt-get install {package}")
    for feature, because in machine.features.items():
        if because:
            module = _TRIALS[feature][1] if feature in _TRIALS else ""
            cure = f"modprobe {module}, or a kernel that has it" if module else "a kernel that allows them"
            yield Problem(where=feature, what=f"the kernel does not give it: {because}", cure=cure)
    lacking = [name for name in _CONTROLLERS if name not in machine.controllers]
    if lacking:
        yield Problem(
            where="cgroups",
            what=f"no controller {', '.join(lacking)}",
            cure="mount cgroup2 at /sys/fs/cgroup, with these controllers enabled in the kernel",
        )
    if machine.inotify_instances < INOTIFY_INSTANCES:
        yield Problem(
            where="inotify",
            what=f"a node takes {INOTIFY_INSTANCES} instances, and {machine.inotify_instances} are left",
            cure="sysctl fs.inotify.max_user_instances=1024, or end another cluster",
        )


def require(machine: Machine) -> None:
    """Refuse, with all findings, where a node cannot run."""
    problems = tuple(findings(machine))
    if problems:
        told = "".join(f"\n  {problem}" for problem in problems)
        raise Refused(
            f"a local cluster cannot run on this machine:{told}",
            hint=f"mend what is listed, {_ELSEWHERE}",
        )


def look() -> Machine:
    """See this machine. Nothing is left changed but kernel modules that were loaded for the trial."""
    system, root = platform.system(), hasattr(os, "geteuid") and os.geteuid() == 0
    programs = frozenset(name for name in PROGRAM_PACKAGES if shutil.which(name))
    usable = system == "Linux" and root
    return Machine(
        system=system,
        root=root,
        programs=programs,
        features=_try_features(programs) if usable else {},
        controllers=_controllers() if usable else frozenset(),
        inotify_instances=_inotify_instances() if usable else 0,
    )


def _try_features(programs: frozenset[str]) -> Mapping[str, str]:
    if not {"unshare", "ip", "mount"} <= programs:
        return {}  # the missing program is told; what it would have shown is not known
    modules = " ".join(sorted({module for _, module in _TRIALS.values()}))
    script = [f"modprobe -q -a {modules} 2>/dev/null", "echo begun"]
    for feature, (commands, _) in _TRIALS.items():
        script.append(
            f"if said=$( ({commands}) 2>&1 ); then echo '{feature}='; else echo '{feature}='$said; fi"
        )
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--mount-proc"]
    done = subprocess.run(  # noqa: S603 - a script of our own
        [*unshare, "sh", "-c", "\n".join(script)], capture_output=True, text=True, check=False, timeout=30
    )
    if "begun" not in done.stdout:
        return {NAMESPACES: done.stderr.strip() or f"unshare exited with {done.returncode}"}
    answers = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {feature: answers.get(feature, "the trial gave no answer") for feature in _TRIALS}


def _inotify_instances() -> int:
    """How many more this user may have, counted up to what a node needs: by taking them for a moment."""
    libc = ctypes.CDLL(None)
    taken: list[int] = []
    while len(taken) < INOTIFY_INSTANCES and (descriptor := libc.inotify_init1(os.O_CLOEXEC)) >= 0:
        taken.append(descriptor)
    for descriptor in taken:
        os.close(descriptor)
    return len(taken)


def _controllers() -> frozenset[str]:
    names: set[str] = set()
    for tree in cgroups.hierarchies(Path("/proc/mounts").read_text()):
        names |= tree.controllers
        if tree.v2:
            names |= set((tree.path / "cgroup.controllers").read_text().split())
    return frozenset(names)
