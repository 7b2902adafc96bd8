"""`kubepreview webhook`: the entry point of the Deployment that hears GitHub's webhooks."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from kubepreview import daemon
from kubepreview.core.webhook_objects import HEALTH_PORT, PORT, SECRET_FILE
from kubepreview.kube import credentials
from kubepreview.webhook.run import Settings, run


@click.command()
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Left out: the pod's own account.")
@click.option("--context", help="The kubeconfig's context.")
@click.option("--port", default=PORT, show_default=True, help="Where GitHub comes; 0 chooses one.")
@click.option("--health-port", default=HEALTH_PORT, show_default=True, help="The health page's port.")
@click.option(
    "--secret-file",
    type=click.Path(path_type=Path),
    default=Path(SECRET_FILE),
    show_default=True,
    help="What GitHub signs deliveries with.",
)
def webhook(
    kubeconfig: Path | None, context: str | None, port: int, health_port: int, secret_file: Path
) -> None:
    """Hear GitHub's webhooks: each is a hint to look at a pull request sooner."""
    daemon.log_as_json()
    settings = Settings(
        credentials=credentials.load(kubeconfig, context, os.environ),  # noqa: TID251 — an entry point
        secret_file=secret_file,
        port=port,
        health_port=health_port,
    )
    asyncio.run(run(settings))
