"""`logs`: what the containers of a preview print."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import click
from msgspec import Struct

from kubepreview.cli import previews
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import number_of
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.cli.streams import Streams
from kubepreview.core import isolation
from kubepreview.core.kinds import as_mapping
from kubepreview.core.wire import Object
from kubepreview.errors import NotFound
from kubepreview.kube.client import Client
from kubepreview.kube.errors import Invalid
from kubepreview.kube.resources import PODS


class Wish(Struct, frozen=True, kw_only=True):
    """Which logs, and how much of them."""

    container: str | None
    follow: bool
    previous: bool
    tail: int


class _Source(Struct, frozen=True):
    """One container of one pod; the prefix tells it from others, where there are others."""

    pod: str
    container: str
    prefix: str


@click.command()
@click.argument("number", required=False, type=click.IntRange(1))
@click.option("--container", "-c", help="Only this container.  [default: all]")
@click.option("--follow", "-f", is_flag=True, help="Go on with each new line until interrupted.")
@click.option("--previous", "-p", is_flag=True, help="Of the container that ended before the present one.")
@click.option(
    "--tail", type=click.IntRange(0), default=200, show_default=True, help="Lines of each container."
)
@scope_options
@connection_options
@click.pass_obj
def logs(  # noqa: PLR0913  one argument for each option
    caller: Caller,
    /,
    *,
    number: int | None,
    container: str | None,
    follow: bool,
    previous: bool,
    tail: int,
    scope: ScopeOptions,
    connection: Connection,
) -> None:
    """Print the logs of pull request NUMBER's pods."""
    if follow and previous:
        raise click.UsageError("--follow and --previous exclude each other: what ended says nothing more")
    wish = Wish(container=container, follow=follow, previous=previous, tail=tail)
    asyncio.run(_logs(caller, number_of(number, caller), wish, scope, connection))


async def _logs(
    caller: Caller, number: int, wish: Wish, options: ScopeOptions, connection: Connection
) -> None:
    target = resolve_scope(options, caller)
    async with connect(connection, caller) as client:
        preview = previews.decode(await previews.get(client, target, number))
        space = preview.status.namespace
        sources = _sources(await client.list(PODS, space), wish) if space else []
        if not sources:
            raise NotFound(
                f"no {wish.container or 'container'} of pull request {number}'s preview could have a log",
                hint=f"`kubepreview status {number}` tells why",
            )
        if wish.follow:
            async with asyncio.TaskGroup() as group:
                for source in sources:
                    group.create_task(_follow(client, space, source, wish, caller.streams))
            return
        for source in sources:
            await _print(client, space, source, wish, caller.streams)


def _sources(pods: Sequence[Object], wish: Wish) -> list[_Source]:
    """The containers that have begun, pods in the order of their birth."""
    pods = sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    found = [
        (pod["metadata"]["name"], each["name"])
        for pod in pods
        for each in _begun(pod, wish)
        if wish.container in (None, each["name"])
    ]
    return [_Source(pod, name, f"{pod}/{name} " if len(found) > 1 else "") for pod, name in found]


def _begun(pod: Object, wish: Wish) -> list[Object]:
    status = as_mapping(pod.get("status"))
    every = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    if wish.previous:
        return [each for each in every if as_mapping(each.get("lastState")).get("terminated")]
    return [each for each in every if each.get("containerID") and not isolation.is_over(each)]


async def _print(client: Client, space: str, source: _Source, wish: Wish, streams: Streams) -> None:
    try:
        text = await client.logs(
            space, source.pod, container=source.container, tail_lines=wish.tail, previous=wish.previous
        )
    except Invalid as error:
        # The kubelet has the words: a container that just ended, or whose log is rotated away.
        streams.talk(f"{source.pod}/{source.container}: {error.message}")
        return
    for line in text.splitlines():
        streams.data(f"{source.prefix}{line}")


async def _follow(client: Client, space: str, source: _Source, wish: Wish, streams: Streams) -> None:
    found = client.follow_logs(space, source.pod, container=source.container, tail_lines=wish.tail)
    async with aclosing(found) as each:
        async for line in each:
            streams.data(f"{source.prefix}{line}")
