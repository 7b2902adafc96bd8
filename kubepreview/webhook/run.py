"""The process: the door for GitHub, the watch on projects, what is written, and the health page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import structlog
import uvicorn
from msgspec import Struct
from prometheus_client import CollectorRegistry

from kubepreview import daemon
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.resources import PREVIEW_PROJECTS
from kubepreview.kube.watch import Reflector
from kubepreview.webhook.receive import Receiver
from kubepreview.webhook.writing import Writer


class Settings(Struct, frozen=True, kw_only=True):
    """How one replica runs; a port of 0 chooses a free one."""

    credentials: Credentials
    secret_file: Path
    host: str = "0.0.0.0"  # noqa: S104 — an ingress comes to the pod's own address
    port: int
    health_port: int


class _Spec(Struct, frozen=True):
    repository: str = ""


class Known(Struct, frozen=True):
    """A project, and its repository."""

    spec: _Spec


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    async with Client(settings.credentials) as cluster, asyncio.TaskGroup() as group:
        projects: Reflector[Known] = Reflector(
            cluster, PREVIEW_PROJECTS, decode=msgspec.json.Decoder(Known).decode, on_change=lambda _: None
        )

        def is_ours(repository: str) -> bool:
            ours = (each.spec.repository.lower() for each in projects.store.values())
            return repository.lower() in ours

        def not_ready() -> list[str]:
            return [] if projects.synced.is_set() else [f"projects: {projects.trouble or 'no answer yet'}"]

        writer = Writer(cluster)
        receiver = Receiver(settings.secret_file, is_ours, writer.note)
        page = daemon.serve_health(settings.host, settings.health_port, not_ready, CollectorRegistry())
        tasks = [group.create_task(each) for each in (projects.run(), writer.run(), page)]
        tasks.append(group.create_task(daemon.serve(_config(settings, receiver))))
        daemon.cancel_on_signal(tasks)


def _config(settings: Settings, receiver: Receiver) -> uvicorn.Config:
    structlog.stdlib.get_logger().info("listening", port=settings.port)
    return uvicorn.Config(
        receiver.app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        lifespan="off",
        # Who sends half of a request is not waited for; and a bounded number at once.
        timeout_keep_alive=5,
        limit_concurrency=200,
    )
