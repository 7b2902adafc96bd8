"""Which cluster, and which project in it: the options that every cluster command shares."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from kubepreview.cli import places
from kubepreview.cli.caller import Caller
from kubepreview.core import keys
from kubepreview.errors import Failed, InvalidInput
from kubepreview.kube import credentials
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.errors import KindNotServed


class Connection(Struct, frozen=True, kw_only=True):
    """The cluster as the user named it; nothing given means what kubectl would use."""

    kubeconfig: Path | None = None
    context: str | None = None


def connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--kubeconfig`` and ``--context``, passed as `connection`."""

    @click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path),
        help="The kubeconfig file.  [default: $KUBECONFIG, then ~/.kube/config]",
    )
    @click.option("--context", help="The context of the kubeconfig.  [default: its current-context]")
    @wraps(command)
    def with_connection(kubeconfig: Path | None, context: str | None, **rest: Any) -> Any:
        return command(connection=Connection(kubeconfig=kubeconfig, context=context), **rest)

    return with_connection


@asynccontextmanager
async def connect(connection: Connection, caller: Caller) -> AsyncGenerator[Client, None]:
    """A client of the chosen cluster; a cluster without our kinds is told as such."""
    found = _credentials(connection, caller)
    async with Client(found, now=caller.now) as client:
        try:
            yield client
        except KindNotServed as error:
            if keys.GROUP not in error.message:
                raise
            raise Failed(
                f"kubepreview is not installed in {found.server} ({found.source or 'in-cluster'})",
                hint="a cluster administrator installs it with `kubepreview install`",
            ) from error


def _credentials(connection: Connection, caller: Caller) -> Credentials:
    try:
        return credentials.load(connection.kubeconfig, connection.context, caller.environ)
    except InvalidInput as error:
        if connection.kubeconfig or caller.environ.get("KUBECONFIG") or not _has_local_cluster(caller):
            raise
        raise InvalidInput(
            error.message,
            hint='to use the cluster on this machine: eval "$(kubepreview cluster kubeconfig --export)"',
        ) from error


def _has_local_cluster(caller: Caller) -> bool:
    from kubepreview.localcluster import cluster  # noqa: PLC0415  only for the hint of one error

    with suppress(InvalidInput):
        return cluster.inspect(places.state(caller.environ)).state not in ("absent", "stopped")
    return False
