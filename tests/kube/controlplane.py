"""A real etcd and kube-apiserver on loopback: no node, no controllers, only the API."""

from __future__ import annotations

import datetime as dt
import json
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubepreview.errors import Failed, KubepreviewError
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.retry import Patience
from kubepreview.kube.wait import NotYet, wait_until
from kubepreview.localcluster import certs, ranges

_START_S = 60.0
_STOP_S = 20.0


@dataclass
class Program:
    """One child process, its log, and an end that is never taken for slowness."""

    name: str
    argv: Sequence[str]
    log: Path
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its output goes to the log."""
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(  # noqa: S603 — a program we built, with arguments of our own
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def check(self) -> None:
        """Raise Failed with its last lines if it has ended."""
        if self.child is not None and (code := self.child.poll()) is not None:
            last = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"{self.name} exited with {code}; its last lines:\n{last}")

    def kill(self) -> None:
        """SIGKILL, and collect it."""
        if self.child is not None:
            self.child.kill()
            self.child.wait(_STOP_S)
            self.child = None


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class ControlPlane:
    """etcd and kube-apiserver in a directory of their own. `start` it, `stop` it, or hurt it between."""

    find: Callable[[str], Path]
    root: Path
    port: int = field(default_factory=free_port)
    etcd_port: int = field(default_factory=free_port)
    peer_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        addresses = next(ranges.candidates())
        for name, content in certs.issue("none", addresses, dt.datetime.now(dt.UTC)).items():  # noqa: TID251 — an entry point
            (self.root / name).write_bytes(content)
        self.etcd = Program("etcd", self._etcd(), self.root / "etcd.log")
        self.apiserver = Program("kube-apiserver", self._apiserver(), self.root / "apiserver.log")

    @property
    def server(self) -> str:
        """The URL of the apiserver."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def admin(self) -> Credentials:
        """Somebody who may do everything."""
        return Credentials(
            server=self.server,
            ca_data=self.pem("ca.crt"),
            client_cert=self.pem("admin.crt"),
            client_key=self.pem("admin.key"),
            source="control plane of the tests",
        )

    def pem(self, name: str) -> bytes:
        """One of its certificates or keys."""
        return (self.root / name).read_bytes()

    def write_kubeconfig(self, path: Path, **user: Any) -> Path:
        """A kubeconfig of the administrator, with more fields of its user."""
        identity = {
            "client-certificate": str(self.root / "admin.crt"),
            "client-key": str(self.root / "admin.key"),
        }
        cluster = {"server": self.server, "certificate-authority": str(self.root / "ca.crt")}
        config = {
            "current-context": "tests",
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "admin", "user": identity | user}],
        }
        path.write_text(json.dumps(config))  # JSON is YAML
        return path

    async def start(self) -> None:
        """Both, until the apiserver is ready."""
        self.etcd.start()
        await self.start_apiserver()

    async def start_apiserver(self) -> None:
        """The apiserver alone, until it is ready and has made the namespace `default`."""
        self.apiserver.start()
        patience = Patience(retry_for_s=0, attempt_s=5, connect_s=1)
        async with Client(self.admin, patience=patience) as client:

            async def is_ready() -> bool:
                self.etcd.check()
                self.apiserver.check()
                try:
                    await client.text("/readyz")
                    await client.raw("GET", "/api/v1/namespaces/default/serviceaccounts")
                    await client.raw("GET", "/api/v1/namespaces/default")
                except KubepreviewError as error:
                    raise NotYet(str(error)) from error
                return True

            await wait_until(is_ready, what="kube-apiserver ready", timeout_s=_START_S)

    def compact(self) -> None:
        """Make etcd forget every revision but the newest."""
        # Any key will do: the answer's header carries the newest revision.
        newest = self._ask_etcd("range", {"key": "AA=="})["header"]["revision"]
        self._ask_etcd("compaction", {"revision": newest, "physical": True})

    def _ask_etcd(self, what: str, body: Mapping[str, Any]) -> Any:
        url = f"http://127.0.0.1:{self.etcd_port}/v3/kv/{what}"
        with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=10) as reply:
            return json.load(reply)

    def stop(self) -> None:
        """Both, at once: nothing of them is wanted any more."""
        self.apiserver.kill()
        self.etcd.kill()

    def _etcd(self) -> Sequence[str]:
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.peer_port}"
        return [
            str(self.find("etcd")),
            f"--data-dir={self.root / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync=true",
            "--log-level=warn",
        ]

    def _apiserver(self) -> Sequence[str]:
        return [
            str(self.find("kube-apiserver")),
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self.root / 'apiserver.crt'}",
            f"--tls-private-key-file={self.root / 'apiserver.key'}",
            f"--client-ca-file={self.root / 'ca.crt'}",
            "--authorization-mode=RBAC",
            # As on most clusters: what keeps a preview's pods from it is Pod Security.
            "--allow-privileged=true",
            # Nobody here makes the service account `default` of a namespace, and nobody runs its pods.
            "--disable-admission-plugins=ServiceAccount",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.root / 'service-account.pub'}",
            f"--service-account-signing-key-file={self.root / 'service-account.key'}",
        ]
