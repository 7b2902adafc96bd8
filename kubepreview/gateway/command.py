"""`kubepreview gateway`: the entry point of the Deployment that answers for sleeping previews."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from pathlib import Path

import click

from kubepreview import daemon
from kubepreview.core.gateway import HEALTH_PORT, PORT
from kubepreview.gateway.holding import HoldLimits
from kubepreview.gateway.run import Settings, run
from kubepreview.kube import credentials


@click.command()
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Left out: the pod's own account.")
@click.option("--context", help="The kubeconfig's context.")
@click.option("--identity", help="Unique among the replicas. [default: $POD_NAME or the host's name]")
@click.option("--port", default=PORT, show_default=True, help="Where visitors come; 0 chooses one.")
@click.option("--health-port", default=HEALTH_PORT, show_default=True, help="The health page's port.")
@click.option(
    "--hold",
    type=click.FloatRange(1, 600),
    default=HoldLimits().hold_s,
    show_default=True,
    help="For how many seconds a request waits for its preview to wake.",
)
def gateway(
    kubeconfig: Path | None,
    context: str | None,
    identity: str | None,
    port: int,
    health_port: int,
    hold: float,
) -> None:
    """Answer for the hosts of sleeping previews: hold requests, wake the preview, and pass them on."""
    daemon.log_as_json()
    environ = os.environ  # noqa: TID251 — an entry point reads it
    settings = Settings(
        credentials=credentials.load(kubeconfig, context, environ),
        identity=daemon.identity(identity, environ),
        port=port,
        health_port=health_port,
        hold=HoldLimits(hold_s=hold),
    )
    asyncio.run(run(settings, lambda: dt.datetime.now(dt.UTC)))  # noqa: TID251 — an entry point
