"""`down`: close a preview, wait until all of it is seen gone, and print the receipt."""

from __future__ import annotations

import asyncio

import click

from kubepreview.cli import awaiting, outcome, writing
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import Facts, declared_closed, facts_options
from kubepreview.cli.durations import timeout_option
from kubepreview.cli.output import Format, output_option, write_data
from kubepreview.cli.previews import wire
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.cli.streams import Streams
from kubepreview.core.model import Preview

_TIMEOUT_S = 300


@click.command()
@facts_options
@click.option("--no-wait", is_flag=True, help="Only say that it is closed; the controller does the rest.")
@timeout_option("5m")
@output_option
@scope_options
@connection_options
@click.pass_obj
def down(  # noqa: PLR0913  one argument for each group of options
    caller: Caller,
    /,
    *,
    facts: Facts,
    no_wait: bool,
    timeout: int | None,
    output: Format,
    scope: ScopeOptions,
    connection: Connection,
) -> None:
    """Close the preview of pull request NUMBER, and wait until nothing of it is left.

    Where there is no preview, the close itself is recorded, so that a deploy job that wakes up later is
    refused by the cluster. In GitHub Actions the event says which pull request is meant.
    """
    closed = asyncio.run(_down(caller, facts, scope, connection, None if no_wait else timeout or _TIMEOUT_S))
    if not no_wait:
        _print(closed, output, caller.streams)


async def _down(
    caller: Caller, facts: Facts, options: ScopeOptions, connection: Connection, timeout_s: int | None
) -> Preview:
    target, declared = resolve_scope(options, caller), declared_closed(facts, caller)
    async with connect(connection, caller) as client:
        closed = await writing.close(client, target, declared, caller.now())
        caller.streams.talk(f"{target.namespace}/{closed.metadata.name} is closed")
        if timeout_s is None:
            return closed
        wait = awaiting.Wait(what="to be gone", judge=outcome.closing, timeout_s=timeout_s)
        return await awaiting.until(client, closed, wait, caller.streams)


def _print(closed: Preview, output: Format, streams: Streams) -> None:
    receipt = closed.status.receipt
    if output != "text":
        data = {"preview": closed.metadata.name, "receipt": wire(receipt) if receipt else None}
        write_data(streams, data, output)
    elif receipt is None:
        streams.data("closed before anything was built: there is nothing to account for")
    else:
        streams.data("\n".join(outcome.receipt_text(receipt)))
