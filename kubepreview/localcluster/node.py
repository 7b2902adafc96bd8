"""The first process of a node: makes its place, starts its programs in order, and keeps them running.

Run by `host.start` inside fresh namespaces, as `python -m kubepreview.localcluster.node STATE NETWORK ALIVE`:
open descriptors of the host's network namespace, and of the lock that says this process lives. When this
process ends, however it ends, the kernel ends everything below it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from kubepreview.errors import KubepreviewError
from kubepreview.localcluster import cgroups, mounts, network, services, status
from kubepreview.localcluster.components import files, kubeconfig
from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import HOST_NETWORK_DESCRIPTOR, NODE_STATE
from kubepreview.localcluster.process import Reaper
from kubepreview.localcluster.status import NodeStatus
from kubepreview.localcluster.supervisor import Supervisor

_LONG_LOG_BYTES = 16 * 1024 * 1024
# No variable of the user's shell, and no proxy, reaches the programs.
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def prepare(config: NodeConfig, now: dt.datetime) -> None:
    """Make the node's place: cgroup, name, mounts, network, files and keys."""
    trees = cgroups.hierarchies(Path("/proc/mounts").read_text())
    cgroups.create(trees, config.cgroup)
    cgroups.enter(trees, config.cgroup)
    socket.sethostname(config.name)
    mounts.mount(config)
    network.join(config)
    write_files(config, Path(NODE_STATE), now)
    _put_long_logs_aside(Path(NODE_STATE / "logs"))


def _put_long_logs_aside(logs: Path) -> None:
    """Keep one older part of each, so that a cluster that lives for months fills no disk."""
    for log in logs.glob("*.log"):
        if log.stat().st_size > _LONG_LOG_BYTES:
            log.replace(log.with_suffix(".old"))


def write_files(config: NodeConfig, state: Path, now: dt.datetime) -> None:
    """Configuration files are written at each start; keys are made once in the life of a cluster."""
    for name, text in files.configuration_files(config).items():
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text(text)
    pki = state / "pki"
    if not (pki / "ca.crt").exists():
        from kubepreview.localcluster import certs  # noqa: PLC0415 - 15 MB that only the first start needs

        pki.mkdir(mode=0o700, exist_ok=True)
        issued = certs.issue(config.name, config.ranges, now)
        # The authority last: it says that all are there.
        for name in sorted(issued, key=lambda name: name == "ca.crt"):
            _write_secret(pki / name, issued[name])
    keys = {name: (pki / name).read_bytes() for name in ("ca.crt", "admin.crt", "admin.key")}
    text = kubeconfig.of_administrator(config.name, config.ports.api, keys)
    _write_secret(state / "kubeconfig", text.encode())


def _write_secret(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)


def environment(config: NodeConfig) -> dict[str, str]:
    """What every program of the node finds in its environment."""
    own = config.program_directories("containerd", "containerd-shim-runc-v2", "runc")
    return {"PATH": ":".join((*own, _SYSTEM_PATH)), "HOME": "/root", "LANG": "C.UTF-8"}


async def serve(config: NodeConfig) -> None:
    """Run the node until it is told to end, or something of its start fails."""
    reaper = Reaper(environment(config))
    reaper.install()
    supervisor = Supervisor(reaper, Path(NODE_STATE / "logs"), Path(NODE_STATE / "status.json"))
    # Without a handler the first process of a namespace ignores even this.
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await supervisor.run(tuple(services.services(config)), tuple(services.steps(config)))
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What failed first is why the rest was cancelled."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def main(arguments: Sequence[str]) -> int:
    """The entry point."""
    state, descriptor, alive = arguments
    os.dup2(int(descriptor), HOST_NETWORK_DESCRIPTOR, inheritable=False)
    os.close(int(descriptor))
    os.set_inheritable(int(alive), False)  # noqa: FBT003 - the standard library's signature
    status_file = Path(state, "status.json")
    config = NodeConfig.from_json(Path(state, "cluster.json").read_text())
    try:
        now = dt.datetime.now(dt.UTC)  # noqa: TID251 - an entry point
        prepare(config, now)
        asyncio.run(serve(config))
    except asyncio.CancelledError:
        return 0  # it was told to end
    except KubepreviewError as error:
        failed = status.read(status_file) or NodeStatus()
        failed.state, failed.failure, failed.hint = "failed", error.message, error.hint
        status.write(status_file, failed)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
