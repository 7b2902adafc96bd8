"""A controller outside of the cluster, as it is, with its own rights, behind a proxy that makes faults.

The one inside rests meanwhile. Whenever this one ends it is started again, as the kubelet would, only sooner.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from kubepreview.core import keys
from kubepreview.kube import credentials
from kubepreview.kube.credentials import Credentials
from tests.cluster.faults.proxy import FaultProxy
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import Team

_SYSTEM = f"--namespace={keys.SYSTEM_NAMESPACE}"
_COME_UP_S = 60.0


@dataclass
class Outside:
    """One controller process after another.

    `flags`: beside the usual ones. `log`: where all write. `is_alive`: one runs that no kill awaits.
    """

    identity: str
    kubeconfig: Path
    log: Path
    flags: tuple[str, ...] = ()
    starts: int = 0
    is_alive: bool = False
    _process: asyncio.subprocess.Process | None = None
    _started: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End the process that runs now as a crash would; while none runs there is nothing to end."""
        self.send(signal.SIGKILL)
        self.is_alive = False

    def send(self, which: signal.Signals) -> None:
        """Send a signal to the process that runs now."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(which)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep a controller running; at the end of the block it ends for good."""
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep_running())
            try:
                async with asyncio.timeout(_COME_UP_S):
                    await self._started.wait()
                yield
            finally:
                keeping.cancel()

    async def _keep_running(self) -> None:
        command = [sys.executable, "-m", "kubepreview", "controller", f"--kubeconfig={self.kubeconfig}"]
        while True:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *command, f"--identity={self.identity}", "--port=0", *self.flags, stdout=log, stderr=log
                )
            self.starts += 1
            self.is_alive = True
            self._started.set()
            try:
                await self._process.wait()
            except asyncio.CancelledError:
                self.kill()
                await self._process.wait()
                raise


def apiserver(team: Team) -> Credentials:
    """The way to the apiserver, without anybody's identity."""
    admin = credentials.load(team.cluster.kubeconfig, None, {})
    return Credentials(server=admin.server, ca_data=admin.ca_data, tls_server_name=admin.tls_server_name)


def kubeconfig(team: Team, proxy: FaultProxy, folder: Path, *, account: str = keys.CONTROLLER) -> Path:
    """A process's own account, by way of the proxy."""
    token = kubectl(team.cluster, "create", "token", account, _SYSTEM, "--duration=12h").strip()
    path = folder / f"outside-{account}-{proxy.port}.kubeconfig"
    path.write_text(yaml.safe_dump(_kubeconfig(f"http://127.0.0.1:{proxy.port}", token)))
    path.chmod(0o600)
    return path


def _kubeconfig(server: str, token: str) -> Mapping[str, object]:
    name = "outside"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


@asynccontextmanager
async def resting(team: Team) -> AsyncIterator[None]:
    """The controller inside the cluster does nothing."""
    kubectl(team.cluster, "scale", f"deployment/{keys.CONTROLLER}", "--replicas=0", _SYSTEM)
    try:
        eventually(lambda: not _pods(team), "the controller inside has ended")
        yield
    finally:
        kubectl(team.cluster, "scale", f"deployment/{keys.CONTROLLER}", "--replicas=1", _SYSTEM)
        kubectl(team.cluster, "rollout", "status", f"deployment/{keys.CONTROLLER}", _SYSTEM, "--timeout=60s")


def _pods(team: Team) -> str:
    return kubectl(
        team.cluster, "get", "pods", _SYSTEM, f"-l=app.kubernetes.io/name={keys.CONTROLLER}", "-o=name"
    )
