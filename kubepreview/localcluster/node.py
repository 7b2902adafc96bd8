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
from dataclasses import dataclass, field
from pathlib import Path

from kubepreview.errors import Failed, KubepreviewError
from kubepreview.localcluster import cgroups, mounts, network, services, status
from kubepreview.localcluster.bootstrap import wait_until
from kubepreview.localcluster.components import files, kubeconfig, publish
from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import NODE_STATE
from kubepreview.localcluster.process import Child, ChildExited, Reaper
from kubepreview.localcluster.services import TIMEOUT_S, Service, Step
from kubepreview.localcluster.status import ComponentStatus, NodeStatus

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
# A program that ran this long was well; the next pause is short again.
_WELL_AFTER_S = 30.0
# No variable of the user's shell, and no proxy, reaches the programs.
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(slots=True)
class Supervisor:
    """Everything below the first process."""

    reaper: Reaper
    logs: Path
    status_file: Path
    status: NodeStatus = field(default_factory=NodeStatus)
    done: dict[str, asyncio.Event] = field(default_factory=dict)
    started_s: float = 0.0

    async def run(self, programs: Sequence[Service], deeds: Sequence[Step]) -> None:
        """Start everything as soon as what it needs is there; then keep the programs running for ever."""
        self.started_s = asyncio.get_running_loop().time()
        for name in (*(program.name for program in programs), *(deed.name for deed in deeds)):
            self.done[name] = asyncio.Event()
            self.status.components[name] = ComponentStatus()
        self._write()
        async with asyncio.TaskGroup() as group:
            for program in programs:
                group.create_task(self._keep(program))
            for deed in deeds:
                group.create_task(self._once(deed))
            for event in self.done.values():
                await event.wait()
            self.status.state = "ready"
            self._write()

    async def _once(self, step: Step) -> None:
        begun = await self._begin(step.name, step.needs)
        if callable(step.run):
            await step.run()
        else:
            child = self.reaper.spawn(step.name, step.run, self._log(step.name))
            code = await child.exited
            if code != 0:
                raise ChildExited(child.account(code, self._now() - begun))
        self._finish(step.name, begun, "done")

    async def _keep(self, service: Service) -> None:
        """The first run must become ready; later ones are tried for as long as the node lives."""
        begun = await self._begin(service.name, service.needs)
        component = self.status.components[service.name]
        pause_s = _FIRST_PAUSE_S
        while True:
            child = self.reaper.spawn(service.name, service.argv, self._log(service.name))
            component.pid = child.pid
            self._write()
            if await self._ready(service, child):
                self._finish(service.name, begun, "ready")
            code = await child.exited
            lived_s = self._now() - begun
            account = child.account(code, lived_s)
            if not self.done[service.name].is_set():
                raise ChildExited(account)
            component.state, component.last_exit, component.pid = "restarting", account, 0
            component.restarts += 1
            self._write()
            pause_s = _FIRST_PAUSE_S if lived_s > _WELL_AFTER_S else min(pause_s * 2, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)
            begun = self._now()

    async def _ready(self, service: Service, child: Child) -> bool:
        """Whether it became ready before it ended. Neither, for too long, is an error."""

        async def look() -> str:
            return "" if child.exited.done() else await service.ready()

        try:
            await wait_until(look, what=f"{service.name} ready", timeout_s=TIMEOUT_S)
        except KubepreviewError as error:
            said = "\n".join(f"  {line}" for line in child.last_lines())
            raise Failed(f"{error.message}; it runs, and its last lines are:\n{said}") from error
        return not child.exited.done()

    async def _begin(self, name: str, needs: tuple[str, ...]) -> float:
        for need in needs:
            await self.done[need].wait()
        self.status.components[name].state = "starting"
        self._write()
        return self._now()

    def _finish(self, name: str, begun: float, state: str) -> None:
        component, now = self.status.components[name], self._now()
        component.state = state
        if not self.done[name].is_set():
            component.took_s, component.ready_after_s = round(now - begun, 3), round(now - self.started_s, 3)
        self.done[name].set()
        self._write()

    def _log(self, name: str) -> Path:
        return self.logs / f"{name.replace(' ', '-').replace(':', '-')}.log"

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _write(self) -> None:
        status.write(self.status_file, self.status)


def prepare(config: NodeConfig, host_network: str, now: dt.datetime) -> None:
    """Make the node's place: cgroup, name, mounts, network, files and keys."""
    trees = cgroups.hierarchies(Path("/proc/mounts").read_text())
    cgroups.create(trees, config.cgroup)
    cgroups.enter(trees, config.cgroup)
    socket.sethostname(config.name)
    mounts.mount(config)
    network.join(config, host_network)
    write_files(config, Path(NODE_STATE), now)


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


async def serve(config: NodeConfig, host_network: str) -> None:
    """Run the node until it is told to end, or something of its start fails."""
    reaper = Reaper(environment(config))
    reaper.install()
    supervisor = Supervisor(reaper, Path(NODE_STATE / "logs"), Path(NODE_STATE / "status.json"))
    # Without a handler the first process of a namespace ignores even this.
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await supervisor.run(tuple(services.services(config, host_network)), tuple(services.steps(config)))
    except* KubepreviewError as group:
        first = group.exceptions[0]
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


def main(arguments: Sequence[str]) -> int:
    """The entry point."""
    state, descriptor, alive = arguments
    for inherited in (descriptor, alive):
        os.set_inheritable(int(inherited), False)  # noqa: FBT003 - the standard library's signature
    status_file = Path(state, "status.json")
    host_network = publish.HOST_NETWORK.format(descriptor=descriptor)
    config = NodeConfig.from_json(Path(state, "cluster.json").read_text())
    try:
        now = dt.datetime.now(dt.UTC)  # noqa: TID251 - an entry point
        prepare(config, host_network, now)
        asyncio.run(serve(config, host_network))
    except KubepreviewError as error:
        failed = status.read(status_file) or NodeStatus()
        failed.state, failed.failure, failed.hint = "failed", error.message, error.hint
        status.write(status_file, failed)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
