"""`brake`: what is not deleted because too much would go at once, and the way to let it go."""

from __future__ import annotations

import asyncio

import click

from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.output import Format, output_option, write_data
from kubepreview.core import brake as brakes
from kubepreview.core import keys
from kubepreview.core.brake import Brake
from kubepreview.kube.client import Client
from kubepreview.kube.resources import CONFIGMAPS


@click.command()
@click.option("--release", is_flag=True, help="Let all of it go, and nothing that is not shown.")
@output_option
@connection_options
@click.pass_obj
def brake(caller: Caller, /, connection: Connection, output: Format, *, release: bool) -> None:
    """Show what would be deleted, were it not so much at once that somebody should look first.

    One pass that would delete more than 3, and more than a fifth of all previews, deletes nothing. Where
    that is no mistake, `--release` lets exactly what is shown go.
    """
    found = asyncio.run(_brakes(caller, connection, release=release))
    if output != "text":
        held = {each.name: [one.what for one in each.waits] for each in found}
        write_data(caller.streams, held, output)
        return
    for each in found:
        for one in each.waits:
            caller.streams.data(one.what)
    count = sum(len(each.waits) for each in found)
    if not count:
        caller.streams.talk("the brakes hold nothing")
    elif release:
        caller.streams.talk(f"✓ {count} are let go; the controller deletes them within a minute")
    else:
        for each in (each for each in found if each.waits):
            caller.streams.talk(f"{len(each.waits)} {brakes.WHAT[each.name]}")
        caller.streams.talk("`kubepreview brake --release` lets them go")


async def _brakes(caller: Caller, connection: Connection, *, release: bool) -> list[Brake]:
    async with connect(connection, caller) as client:
        found = await recorded(client)
        if release and any(each.waits for each in found):
            await client.apply(brakes.record_of_released(found), manager=keys.CLI_MANAGER)
        return found


async def recorded(client: Client) -> list[Brake]:
    """Every brake, as the cluster has it on record."""
    record = await client.find(CONFIGMAPS, keys.BRAKE, keys.SYSTEM_NAMESPACE)
    return [brakes.recorded(record, name) for name in brakes.WHAT]
