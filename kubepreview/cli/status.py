"""`status`: everything that is known of one preview, on one screen."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from typing import Literal

import click

from kubepreview.cli import outcome, previews
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import number_of
from kubepreview.cli.list_previews import age
from kubepreview.cli.output import Format, moment, table, write_data
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.core import conditions
from kubepreview.core.comment import comment
from kubepreview.core.model import Preview
from kubepreview.core.wire import Object


@click.command()
@click.argument("number", required=False, type=click.IntRange(1))
@click.option(
    "--output",
    "-o",
    type=click.Choice(["text", "json", "yaml", "markdown"]),
    default="text",
    show_default=True,
    help="How to print it; markdown is for a job's summary, or a comment on the pull request.",
)
@scope_options
@connection_options
@click.pass_obj
def status(
    caller: Caller,
    /,
    *,
    number: int | None,
    output: Format | Literal["markdown"],
    scope: ScopeOptions,
    connection: Connection,
) -> None:
    """Show the preview of pull request NUMBER: its link, what is served, what is missing and why."""
    found = asyncio.run(_get(caller, number_of(number, caller), scope, connection))
    if output == "markdown":
        caller.streams.data(comment(previews.decode(found)).rstrip("\n"))
        return
    if output != "text":
        write_data(caller.streams, found, output)
        return
    caller.streams.data("\n".join(text(previews.decode(found), caller.now())))


async def _get(caller: Caller, number: int, options: ScopeOptions, connection: Connection) -> Object:
    target = resolve_scope(options, caller)
    async with connect(connection, caller) as client:
        found = await previews.get(client, target, number)
    found["metadata"].pop("managedFields", None)
    return found


def text(preview: Preview, now: dt.datetime) -> Iterator[str]:
    """The screen, line by line."""
    yield _headline(preview)
    yield ""
    yield from _facts(preview, now)
    if preview.status.conditions:
        yield ""
        yield table(("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"), list(_conditions(preview, now)))
    failure = preview.status.failure
    if failure:
        yield ""
        yield f"{failure.object}: {failure.reason}: {failure.message}{outcome.last_words(preview)}"
    if preview.status.receipt:
        yield ""
        yield from outcome.receipt_text(preview.status.receipt)


def _headline(preview: Preview) -> str:
    spec, ready = preview.spec, conditions.find(preview.status, conditions.READY)
    name = f"#{spec.pull_request.number} {spec.pull_request.title}".rstrip()
    if ready is None:
        return f"{name}: no controller has looked at it yet"
    if ready.observed_generation < preview.metadata.generation:
        return f"{name}: the latest change was not looked at yet; before it: {ready.reason}"
    return f"{name}: {'ready' if ready.status == 'True' else ready.reason}"


def _served(preview: Preview, now: dt.datetime) -> str:
    served, sleep = preview.status.served, preview.status.sleep
    if served:
        return f"{served.sha} (for {age(now - served.since)})"
    if sleep and sleep.asleep:
        return f"nothing: it sleeps (for {age(now - sleep.since)})"
    return "nothing that is known of"


def _facts(preview: Preview, now: dt.datetime) -> Iterator[str]:
    spec = preview.spec
    rows = (
        ("url", preview.status.url),
        ("state", spec.state),
        ("asked", f"{spec.revision.sha} (pull request as of {moment(spec.revision.observed_at)})"),
        ("served", _served(preview, now) if spec.state == "Open" else ""),
        ("pods", preview.status.pods),
        ("may reach", "; ".join(preview.status.egress)),
        ("expires", _expiry(preview, now)),
        ("namespace", preview.status.namespace),
        ("author", spec.pull_request.author),
        ("page", spec.pull_request.url),
    )
    for name, value in rows:
        if value:
            yield f"{name:<10} {value}"


def _expiry(preview: Preview, now: dt.datetime) -> str:
    activity, expires_at = preview.status.activity, preview.status.expires_at
    if activity is None:
        return ""
    last = f"last {activity.kind.lower()} {age(now - activity.at)} ago"
    if expires_at is None:
        return f"never; it is kept ({last})"
    return f"in {age(expires_at - now)}, at {moment(expires_at)} ({last})"


def _conditions(preview: Preview, now: dt.datetime) -> Iterator[tuple[str, ...]]:
    for each in preview.status.conditions:
        message = " ".join(each.message.split())
        yield each.type, each.status, each.reason, age(now - each.last_transition_time), message
