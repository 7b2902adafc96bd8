"""A contender in a process of its own, to be frozen and killed; writes its name while it leads.

It freezes itself, after its first write and at the moment that it is told: `acting`, right before the
next write, or `waiting`, with its loop asleep. `never` is for those that are to be killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from kubepreview.kube import credentials
from kubepreview.kube.client import Client
from kubepreview.kube.lease import LeaderElection, LeadershipLost


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 — an entry point


def _freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


async def main(kubeconfig: str, namespace: str, freezes: str, *times: str) -> None:
    """Contend, and write `crown` again and again while leading."""
    lease_s, renew_s, retry_s = map(float, times)
    async with Client(credentials.load(Path(kubeconfig), None, {})) as client:
        election = LeaderElection(
            client,
            namespace,
            "controller",
            "child",
            lease_duration_s=lease_s,
            renew_deadline_s=renew_s,
            retry_period_s=retry_s,
            now=_now,
        )
        guarded = client.guarded_by(election.check)

        async def write() -> None:
            metadata = {"namespace": namespace, "name": "crown"}
            crown = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"who": "child"}}
            while True:
                await guarded.apply(crown, manager="throne")
                if freezes == "waiting":
                    asyncio.get_running_loop().call_soon(_freeze)
                await asyncio.sleep(0.05)
                if freezes == "acting":
                    _freeze()

        try:
            await election.hold(write)
        except LeadershipLost as lost:
            print(f"lost: {lost}")  # noqa: T201 — its parent reads it


asyncio.run(main(*sys.argv[1:]))
