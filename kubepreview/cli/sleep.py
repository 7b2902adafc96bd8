"""`sleep` and `wake`: take a preview's pods away, and bring them back as they were."""

from __future__ import annotations

import asyncio

import click

from kubepreview.cli import awaiting, outcome, writing
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import number_of
from kubepreview.cli.durations import timeout_option
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.core.model import Preview

_TO_SLEEP_S = 120
_TO_WAKE_S = 300


@click.command()
@click.argument("number", required=False, type=click.IntRange(1))
@timeout_option("2m")
@scope_options
@connection_options
@click.pass_obj
def sleep(
    caller: Caller,
    /,
    *,
    number: int | None,
    timeout: int | None,
    scope: ScopeOptions,
    connection: Connection,
) -> None:
    """Put the preview of pull request NUMBER to sleep: no pods, and all else stays as it is.

    `kubepreview wake` brings back as many pods as there were; so does a push, unless the project's onPush
    is StayAsleep.
    """
    wait = awaiting.Wait(
        what="to fall asleep", judge=outcome.falling_asleep, timeout_s=timeout or _TO_SLEEP_S
    )
    asyncio.run(_ask(caller, number, scope, connection, wait, asleep=True))


@click.command()
@click.argument("number", required=False, type=click.IntRange(1))
@timeout_option("5m")
@scope_options
@connection_options
@click.pass_obj
def wake(
    caller: Caller,
    /,
    *,
    number: int | None,
    timeout: int | None,
    scope: ScopeOptions,
    connection: Connection,
) -> None:
    """Wake the preview of pull request NUMBER, wait until it is served, and print its link."""
    wait = awaiting.Wait(what="to be served", judge=outcome.opening, timeout_s=timeout or _TO_WAKE_S)
    reached = asyncio.run(_ask(caller, number, scope, connection, wait, asleep=False))
    caller.streams.data(reached.status.url)


async def _ask(
    caller: Caller,
    number: int | None,
    options: ScopeOptions,
    connection: Connection,
    wait: awaiting.Wait,
    *,
    asleep: bool,
) -> Preview:
    target = resolve_scope(options, caller)
    wanted = number_of(number, caller)
    async with connect(connection, caller) as client:
        written = await writing.put_to_sleep(client, target, wanted, asleep=asleep)
        return await awaiting.until(client, written, wait, caller.streams)
