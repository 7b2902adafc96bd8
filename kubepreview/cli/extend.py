"""`extend`: give a preview more time, or keep it for as long as it is wanted."""

from __future__ import annotations

import asyncio

import click

from kubepreview.cli import awaiting, outcome, writing
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import number_of
from kubepreview.cli.durations import DurationText, timeout_option
from kubepreview.cli.output import Format, moment, output_option, write_data
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.cli.writing import Wish
from kubepreview.core.model import Preview
from kubepreview.core.names import preview_name
from kubepreview.errors import InvalidInput

_TIMEOUT_S = 60


@click.command()
@click.argument("number", required=False, type=click.IntRange(1))
@click.option("--for", "duration", type=DurationText(), help="How much later than it would: 90m, 8h, 3d.")
@click.option("--keep/--no-keep", default=None, help="Never expire; or expire again when nobody uses it.")
@timeout_option("1m")
@output_option
@scope_options
@connection_options
@click.pass_obj
def extend(  # noqa: PLR0913  one argument for each group of options
    caller: Caller,
    /,
    *,
    number: int | None,
    duration: str | None,
    keep: bool | None,
    timeout: int | None,
    output: Format,
    scope: ScopeOptions,
    connection: Connection,
) -> None:
    """Let the preview of pull request NUMBER live longer, and print when it expires.

    A preview expires when nobody has done anything with it for the project's timeToLive; a push starts
    that time anew, and so does this.
    """
    wish = Wish(duration=duration or "", keep=keep)
    if wish == Wish():
        raise InvalidInput("extend it how?", hint="say --for 3d, --keep or --no-keep")
    what = (number_of(number, caller), wish)
    written = asyncio.run(_extend(caller, what, scope, connection, timeout or _TIMEOUT_S))
    _print(caller, written, output)


async def _extend(
    caller: Caller, what: tuple[int, Wish], options: ScopeOptions, connection: Connection, timeout_s: int
) -> Preview:
    number, wish = what
    target = resolve_scope(options, caller)
    async with connect(connection, caller) as client:
        written = await writing.extend(client, target, number, wish)
        wait = awaiting.Wait(what="to be extended", judge=outcome.extending, timeout_s=timeout_s)
        return await awaiting.until(client, written, wait, caller.streams)


def _print(caller: Caller, preview: Preview, output: Format) -> None:
    expires_at = preview.status.expires_at
    shown = moment(expires_at) if expires_at else None
    if output == "text":
        caller.streams.data(shown or "never")
    else:
        data = {"preview": preview_name(preview.spec.pull_request.number), "expiresAt": shown}
        write_data(caller.streams, data, output)
