"""The process that hears webhooks, outside of the cluster, with the rights that it has inside."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from kubepreview.core import keys, webhook_objects
from tests.cluster.faults import outside
from tests.cluster.faults.scene import behind_a_proxy
from tests.cluster.machine import kubectl
from tests.cluster.team import Team


@contextmanager
def may_hear(team: Team) -> Iterator[None]:
    """A cluster that may hear webhooks for as long."""
    team.type("install", "--webhooks").done()
    yield
    for obj in webhook_objects.objects(""):
        space = obj["metadata"].get("namespace", "default")
        kubectl(team.cluster, "delete", obj["kind"], obj["metadata"]["name"], f"--namespace={space}")


@asynccontextmanager
async def hearing(team: Team, folder: Path, secret: bytes) -> AsyncIterator[str]:
    """The address at which GitHub delivers, with this secret; its log is in the folder."""
    (folder / "secret").write_bytes(secret)
    async with behind_a_proxy(team, "webhook", folder) as (proxy, _):
        kubeconfig = outside.kubeconfig(team, proxy, folder, account=keys.WEBHOOK)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = [f"--kubeconfig={kubeconfig}", f"--port={port}", "--health-port=0"]
        with (folder / "webhook.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "kubepreview", "webhook", *words),
                f"--secret-file={folder / 'secret'}",
                stdout=log,
                stderr=log,
            )
        try:
            yield f"http://127.0.0.1:{port}/github"
        finally:
            process.terminate()
            await process.wait()
