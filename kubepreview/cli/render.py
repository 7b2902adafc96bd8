"""`render`: the objects that `up` would send, printed instead."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from kubepreview.cli import config_file, previews, rendering
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import number_of
from kubepreview.cli.output import Format, as_yaml, output_option, write_data
from kubepreview.cli.rendering import image_option, root_option
from kubepreview.cli.scope import Scope, ScopeOptions, scope_options, with_config
from kubepreview.errors import InvalidInput
from kubepreview.render.placing import Place, place_of
from kubepreview.render.sources import Rendered


class Wish(Struct, frozen=True, kw_only=True):
    """The flags of `render`."""

    number: int | None
    image: tuple[str, ...]
    root: Path | None
    offline: bool
    host: str
    baseline_host: str
    baseline_namespace: str
    keep_daemon_sets: bool


@click.command()
@click.argument("number", required=False, type=click.IntRange(1))
@image_option
@root_option
@click.option("--host", default="", help="The preview's host; with it, no cluster is asked for the project.")
@click.option("--baseline-host", default="", help="With --host: the host in the manifests that it replaces.")
@click.option("--baseline-namespace", default="", help="With --host: the namespace that the manifests name.")
@click.option("--keep-daemon-sets", is_flag=True, help="With --host: leave DaemonSets as they are.")
@click.option("--offline", is_flag=True, help="Leave tags as they are; ask no registry.")
@output_option
@scope_options
@connection_options
@click.pass_obj
def render(
    caller: Caller, /, *, scope: ScopeOptions, connection: Connection, output: Format, **flags: Any
) -> None:
    """Print the objects of pull request NUMBER's preview, as `up` would send them."""
    rendered = asyncio.run(_render(caller, Wish(**flags), scope, connection))
    if output == "json":
        everything = {"apiVersion": "v1", "kind": "List", "items": list(rendered.objects)}
        write_data(caller.streams, everything, "json")
    else:
        caller.streams.data("\n---\n".join(as_yaml(obj) for obj in rendered.objects))
    entry = rendered.entry
    caller.streams.talk(f"entry: Service {entry.service}, port {entry.port}, path {entry.path}")


async def _render(caller: Caller, wish: Wish, options: ScopeOptions, connection: Connection) -> Rendered:
    repository = config_file.read(caller, options.config, wish.root)
    place = _given_place(wish) or await _project_place(
        caller, number_of(wish.number, caller), with_config(options, repository.config), connection
    )
    resolve = None if wish.offline else rendering.resolver(caller)
    return await rendering.objects_of(
        repository, rendering.images(wish.image), place, resolve, caller.streams
    )


def _given_place(wish: Wish) -> Place | None:
    if wish.host:
        return Place(
            host=wish.host,
            baseline_host=wish.baseline_host,
            baseline_namespace=wish.baseline_namespace,
            keep_daemon_sets=wish.keep_daemon_sets,
        )
    if wish.baseline_host or wish.baseline_namespace or wish.keep_daemon_sets:
        raise InvalidInput(
            "--baseline-host, --baseline-namespace and --keep-daemon-sets need --host",
            hint="without --host, the PreviewProject in the cluster says all of it",
        )
    return None


async def _project_place(caller: Caller, number: int, target: Scope, connection: Connection) -> Place:
    async with connect(connection, caller) as client:
        return place_of((await previews.get_project(client, target)).spec, number)
