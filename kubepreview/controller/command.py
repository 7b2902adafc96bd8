"""`kubepreview controller`: the entry point of the Deployment in the cluster."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from pathlib import Path

import click

from kubepreview import daemon
from kubepreview.controller.run import GitHubSettings, Settings, run
from kubepreview.core import keys
from kubepreview.core.installation import GITHUB_FOLDER, REGISTRY_FOLDER
from kubepreview.github.client import API
from kubepreview.kube import credentials


@click.command()
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Left out: the pod's own account.")
@click.option("--context", help="The kubeconfig's context.")
@click.option("--identity", help="Unique among the replicas. [default: $POD_NAME or the host's name]")
@click.option("--lease-namespace", default=keys.SYSTEM_NAMESPACE, show_default=True)
@click.option("--port", default=8080, show_default=True, help="The health page's port; 0 chooses one.")
@click.option(
    "--max-previews",
    type=click.IntRange(0),
    default=0,
    help="How many previews of all projects may have pods at once; more wait.  [default: no limit]",
)
@click.option(
    "--github-api", default=API, show_default=True, help="Of GitHub Enterprise: https://HOST/api/v3."
)
@click.option(
    "--github-folder",
    type=click.Path(path_type=Path),
    default=Path(GITHUB_FOLDER),
    show_default=True,
    help="The folder of what GitHub is asked with: `token`, or an App's `app-id` and `private-key`.",
)
@click.option(
    "--github-interval",
    type=click.FloatRange(1, 86400),
    default=120.0,
    show_default=True,
    help="How many seconds pass until a pull request is read again.",
)
@click.option(
    "--registry-folder",
    type=click.Path(path_type=Path),
    default=Path(REGISTRY_FOLDER),
    show_default=True,
    help="The folder of the logins with which artifacts are taken: `.dockerconfigjson`.",
)
def controller(  # noqa: PLR0913, PLR0917 — an option each
    kubeconfig: Path | None,
    context: str | None,
    identity: str | None,
    lease_namespace: str,
    port: int,
    max_previews: int,
    github_api: str,
    github_folder: Path,
    github_interval: float,
    registry_folder: Path,
) -> None:
    """Run the controller: compare what Previews ask for with what is there, and close the difference."""
    daemon.log_as_json()
    environ = os.environ  # noqa: TID251 — an entry point reads it
    settings = Settings(
        credentials=credentials.load(kubeconfig, context, environ),
        identity=daemon.identity(identity, environ),
        namespace=lease_namespace,
        port=port,
        max_previews=max_previews,
        github=GitHubSettings(api=github_api, folder=github_folder, interval_s=github_interval),
        registry_folder=registry_folder,
    )
    asyncio.run(run(settings, lambda: dt.datetime.now(dt.UTC)))  # noqa: TID251 — an entry point
