"""`open`: the link of a preview that is ready, on stdout or in a browser."""

from __future__ import annotations

import asyncio

import click

from kubepreview.cli import previews
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import number_of
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.core import conditions
from kubepreview.core.model import Preview
from kubepreview.errors import NotReady


@click.command("open")
@click.argument("number", required=False, type=click.IntRange(1))
@click.option("--browser", is_flag=True, help="Also open it in the browser.")
@scope_options
@connection_options
@click.pass_obj
def open_preview(
    caller: Caller, /, *, number: int | None, browser: bool, scope: ScopeOptions, connection: Connection
) -> None:
    """Print the link of pull request NUMBER's preview, if it shows the commit that was asked for."""
    url = asyncio.run(_url(caller, number_of(number, caller), scope, connection))
    caller.streams.data(url)
    if browser and click.launch(url) != 0:
        caller.streams.talk("no browser could be started; the link is above")


async def _url(caller: Caller, number: int, options: ScopeOptions, connection: Connection) -> str:
    target = resolve_scope(options, caller)
    async with connect(connection, caller) as client:
        return ready_url(previews.decode(await previews.get(client, target, number)))


def ready_url(preview: Preview) -> str:
    """The link of a preview that serves what is asked for; NotReady says why there is none."""
    number, ready = preview.spec.pull_request.number, conditions.find(preview.status, conditions.READY)
    is_current = ready is not None and ready.observed_generation >= preview.metadata.generation
    if ready is not None and is_current and ready.status == "True":
        return preview.status.url
    why = (
        f"{ready.reason}: {ready.message}" if ready and is_current else "the controller has not looked at it"
    )
    raise NotReady(
        f"the preview of pull request {number} is not ready: {why}",
        hint=f"`kubepreview status {number}` shows the whole state",
    )
