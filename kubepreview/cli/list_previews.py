"""`list`: the previews of a project, one line each."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence

import click

from kubepreview.cli import previews
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.output import Format, output_option, table, write_data
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.core import conditions
from kubepreview.core.model import Preview
from kubepreview.core.wire import Object
from kubepreview.kube.resources import PREVIEWS

_HEADERS = ("NUMBER", "STATE", "READY", "REASON", "REVISION", "PODS", "URL", "AUTHOR", "AGE")
_UNITS = (("d", 86400), ("h", 3600), ("m", 60))


@click.command("list")
@click.option("--all", "with_closed", is_flag=True, help="Also those that are closed and gone.")
@output_option
@scope_options
@connection_options
@click.pass_obj
def list_previews(
    caller: Caller, /, *, with_closed: bool, output: Format, scope: ScopeOptions, connection: Connection
) -> None:
    """List the previews that are open or closing."""
    found = asyncio.run(_list(caller, scope, connection))
    shown = [obj for obj in found if with_closed or not _is_gone(obj)]
    if output != "text":
        write_data(caller.streams, shown, output)
        return
    if not shown:
        caller.streams.talk("no previews" if with_closed else "no previews are open (--all shows the closed)")
        return
    now = caller.now()
    rows = [_row(previews.decode(obj), now) for obj in shown]
    caller.streams.data(table(_HEADERS, rows))


async def _list(caller: Caller, options: ScopeOptions, connection: Connection) -> list[Object]:
    target = resolve_scope(options, caller)
    async with connect(connection, caller) as client:
        found = await client.list(PREVIEWS, target.namespace)
    for obj in found:
        obj["metadata"].pop("managedFields", None)
    return sorted(found, key=lambda obj: int(obj["spec"]["pullRequest"]["number"]))


def _is_gone(obj: Object) -> bool:
    ready = conditions.find(previews.decode(obj).status, conditions.READY)
    return obj["spec"]["state"] == "Closed" and ready is not None and ready.reason == "Closed"


def _row(preview: Preview, now: dt.datetime) -> Sequence[str]:
    ready, spec = conditions.find(preview.status, conditions.READY), preview.spec
    place = preview.status.slot.place if preview.status.slot else 0
    created = preview.metadata.creation_timestamp
    return (
        str(spec.pull_request.number),
        spec.state,
        ready.status if ready else "Unknown",
        f"Queued ({place})" if place else (ready.reason if ready else ""),
        spec.revision.sha[:7],
        preview.status.pods,
        preview.status.url,
        spec.pull_request.author,
        age(now - created) if created else "",
    )


def age(time: dt.timedelta) -> str:
    """The largest whole unit, as kubectl shows it: ``3d``, ``5h``, ``12m``, ``40s``."""
    total = max(int(time.total_seconds()), 0)
    return next((f"{total // size}{unit}" for unit, size in _UNITS if total >= size), f"{total}s")
