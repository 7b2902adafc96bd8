"""`install`: put kubepreview into a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import click

from kubepreview import __version__
from kubepreview.cli import facts, installing, places
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.here import local_cluster
from kubepreview.cli.image_build import CONTROLLER, build_program
from kubepreview.cli.output import as_yaml
from kubepreview.cli.stages import Stage, perform
from kubepreview.core import installation
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client


@click.command()
@click.option(
    "--image",
    default="",
    metavar="REF",
    help=f"The controller's image.  [default: {installation.DEFAULT_IMAGE}; on a cluster of `cluster up`, "
    "built of this source]",
)
@click.option(
    "--replicas", type=click.IntRange(1, 5), default=1, show_default=True, help="One acts at a time."
)
@click.option(
    "--max-previews",
    type=click.IntRange(0),
    default=0,
    help="How many previews of all projects may have pods at once; more wait.  [default: no limit]",
)
@click.option(
    "--github-api",
    default="",
    metavar="URL",
    help="Where pull requests are read; of GitHub Enterprise https://HOST/api/v3.  [default: github.com's]",
)
@click.option("--webhooks", is_flag=True, help="Hear GitHub's webhooks, too (docs/github.md).")
@click.option("--timeout", type=click.IntRange(1), default=180, show_default=True, help="Seconds to wait.")
@click.option("--dry-run", is_flag=True, help="Print the objects as YAML; ask no cluster, change nothing.")
@connection_options
@click.pass_obj
def install(
    caller: Caller,
    /,
    connection: Connection,
    image: str,
    *,
    timeout: int,
    dry_run: bool,
    **chosen: Any,
) -> None:
    """Put the kinds, the policies, the rights and the controller into a cluster.

    Running it again upgrades, or mends what was changed by hand. Pull requests are read from GitHub and have
    a comment that tells how their preview is, once the Secret kubepreview-github in namespace
    kubepreview-system has a `token`, or the `app-id` and `private-key` of a GitHub App.
    """

    def objects_of(image: str) -> tuple[Object, ...]:
        return installation.objects(image, **chosen)

    if dry_run:
        objects = objects_of(image or installation.DEFAULT_IMAGE)
        caller.streams.data("\n---\n".join(as_yaml(obj) for obj in objects))
        return
    asyncio.run(_install(caller, connection, image, objects_of, timeout))


async def _install(
    caller: Caller,
    connection: Connection,
    image: str,
    objects_of: Callable[[str], tuple[Object, ...]],
    timeout_s: int,
) -> None:
    async with connect(connection, caller) as client:
        mutates = await facts.serves_mutation(client)
        if not mutates:
            caller.streams.talk(
                "note: this cluster does not serve MutatingAdmissionPolicy v1 (Kubernetes 1.36 does), so "
                "nothing puts user namespaces into pods: create projects with --pod-profile restricted"
            )
        chosen = image or await _image_for(caller, client)
        objects = installing.fitting(objects_of(chosen), mutates=mutates)
        kinds = [obj for obj in objects if obj["kind"] == "CustomResourceDefinition"]
        processes = [obj for obj in objects if obj["kind"] == "Deployment"]
        rest = [obj for obj in objects if obj not in kinds and obj not in processes]
        await perform(
            caller.streams,
            [
                Stage("kinds", lambda: _kinds(client, kinds)),
                Stage("policies and rights", lambda: installing.apply_all(client, rest)),
                Stage("policies act", lambda: installing.wait_until_policies_act(client, mutates=mutates)),
                Stage("controller and gateway", lambda: _processes(client, processes, timeout_s)),
            ],
        )
    caller.streams.talk(f"✓ kubepreview {__version__} is installed ({chosen})")
    caller.streams.talk("Next: `kubepreview project create NAME --repository OWNER/NAME`")


async def _kinds(client: Client, kinds: list[Object]) -> str:
    await installing.apply_all(client, kinds)
    return await installing.wait_until_established(client, kinds)


async def _processes(client: Client, deployments: list[Object], timeout_s: float) -> str:
    await installing.apply_all(client, deployments)
    named = [(obj["metadata"]["name"], obj["metadata"]["namespace"]) for obj in deployments]
    said = [await installing.wait_until_available(client, *place, timeout_s) for place in named]
    return " and ".join(said)


async def _image_for(caller: Caller, client: Client) -> str:
    """The published image, but on a cluster of this machine one that is built of this source."""
    running = local_cluster(caller, client.credentials.server)
    if running is None:
        return installation.DEFAULT_IMAGE
    caller.streams.talk("building the controller's image of this source …")
    return await asyncio.to_thread(build_program, CONTROLLER, running.registry, places.cache(caller.environ))
