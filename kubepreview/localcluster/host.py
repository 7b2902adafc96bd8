"""The node as the host sees it: is it alive, start it, end it, and clear away what it was given."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from kubepreview.errors import Conflict, Failed
from kubepreview.localcluster import cgroups, network
from kubepreview.localcluster.layout import StateDirectory
from kubepreview.localcluster.ranges import Ranges

_POLL_S = 0.03
# The kernel ends processes and frees namespaces well within a second; this is for a machine that swaps.
_CLEAR_TIMEOUT_S = 20.0


@contextlib.asynccontextmanager
async def exclusive(state: StateDirectory, timeout_s: float) -> AsyncIterator[None]:
    """Hold the cluster against every other `up` and `down`."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        state.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(state.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if _try_lock(descriptor) and _is_still(state.lock, descriptor):
                yield
                return
        finally:
            os.close(descriptor)
        if asyncio.get_running_loop().time() > deadline:
            raise Conflict(
                f"cluster {state.name}: another `up` or `down` has been at work for {timeout_s:g} s",
                hint="wait for it to end, and try again",
            )
        await asyncio.sleep(_POLL_S)


def is_alive(state: StateDirectory) -> bool:
    """Whether the node's first process lives. The kernel knows, by a lock that ends with it."""
    try:
        descriptor = os.open(state.alive, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


def start(state: StateDirectory) -> None:
    """Start the node's first process in namespaces of its own, and let go of it."""
    state.logs.mkdir(parents=True, exist_ok=True)
    alive = os.open(state.alive, os.O_RDWR | os.O_CREAT, 0o600)
    host_network = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        if not _try_lock(alive):
            raise Conflict(f"cluster {state.name} is running already")
        with (state.logs / "node.log").open("ab") as log:
            subprocess.run(  # noqa: S603 - our own arguments
                _start_arguments(state, host_network, alive),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
                pass_fds=(alive, host_network),
                cwd="/",
            )
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failed(f"cannot start the node of cluster {state.name}: {error}") from error
    finally:
        os.close(host_network)
        os.close(alive)


def _start_arguments(state: StateDirectory, host_network: int, alive: int) -> Sequence[str]:
    # setsid: nothing that happens to the terminal reaches the node. kill-child: whoever ends unshare ends
    # the node's first process, and with it, by the kernel, every other.
    return [
        *("setsid", "--fork"),
        *("unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"),
        *(sys.executable, "-m", "kubepreview.localcluster.node"),
        *(str(state.path), str(host_network), str(alive)),
    ]


async def clear(state: StateDirectory) -> None:
    """End every process of the node and take away all that the machine lent it. Nothing there is fine."""
    trees = _trees()
    await cgroups.kill(trees, state.cgroup, _CLEAR_TIMEOUT_S)
    await _until_gone(lambda: is_alive(state), f"the first process of cluster {state.name}")
    await _until_gone(lambda: _remove_interface(state.host_interface), f"interface {state.host_interface}")
    await cgroups.remove(trees, state.cgroup, _CLEAR_TIMEOUT_S)


def processes(state: StateDirectory) -> frozenset[int]:
    """Every process of the node, its pods' included, by the host's count."""
    return cgroups.processes(_trees(), state.cgroup)


def numbers(state: StateDirectory) -> Mapping[int, int]:
    """The node's processes: their number inside, and the host's."""
    found = {}
    for pid in processes(state):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            inside = next(line for line in lines if line.startswith("NSpid:")).split()[2:]
            # Processes of pods have a third number, in namespaces of their own.
            if len(inside) == 1:
                found[int(inside[0])] = pid
    return found


def first_process(state: StateDirectory) -> int:
    """The node's first process, by the host's count; 0 when there is none."""
    return numbers(state).get(1, 0)


def entering(pid: int) -> Sequence[str]:
    """The head of a command that shall run inside the node."""
    return ["nsenter", f"--target={pid}", "--mount", "--net", "--pid"]


def is_free(port: int) -> bool:
    """Whether this port of the loopback can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def claim(ranges: Ranges) -> socket.socket | None:
    """Claim the ranges against every other `up` of this machine, until the socket is closed; None when taken.

    A name in the abstract namespace is the kernel's: nothing of it is left when its holder is killed.
    """
    claimed = socket.socket(socket.AF_UNIX)
    try:
        claimed.bind(f"\0kubepreview/{ranges.pods}")
    except OSError:
        claimed.close()
        return None
    return claimed


async def _until_gone(is_there: Callable[[], bool], what: str) -> None:
    deadline = asyncio.get_running_loop().time() + _CLEAR_TIMEOUT_S
    while is_there():
        if asyncio.get_running_loop().time() > deadline:
            raise Failed(f"{what} is still there {_CLEAR_TIMEOUT_S:g} s after it was to go")
        await asyncio.sleep(_POLL_S)


def _remove_interface(name: str) -> bool:
    """Take it away; whether it is still there. It may go by itself meanwhile, with its namespace."""
    if network.is_there(name):
        with contextlib.suppress(Failed):
            network.remove(name)
    return network.is_there(name)


def _trees() -> tuple[cgroups.Hierarchy, ...]:
    return cgroups.hierarchies(Path("/proc/mounts").read_text())


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the file was not removed between opening and locking it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
