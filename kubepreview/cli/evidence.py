"""`evidence`: what is kept of a preview that failed or closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from kubepreview.cli import previews
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import number_of
from kubepreview.cli.output import Format, as_yaml, moment, output_option, write_data
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.core import keys, names
from kubepreview.core.evidence import Evidence, unpacked
from kubepreview.errors import Failed, InvalidInput, NotFound
from kubepreview.kube.client import Client
from kubepreview.kube.resources import CONFIGMAPS

_MANIFEST_END = "\n---\n"


@click.command()
@click.argument("number", required=False, type=click.IntRange(1))
@click.option(
    "--save",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write it as files into this new folder.",
)
@output_option
@scope_options
@connection_options
@click.pass_obj
def evidence(
    caller: Caller,
    /,
    *,
    number: int | None,
    folder: Path | None,
    output: Format,
    scope: ScopeOptions,
    connection: Connection,
) -> None:
    """Show what is kept of pull request NUMBER's preview: conditions, events, logs and manifests.

    It is taken when a commit fails, and before a preview goes, and is kept for the project's evidenceFor.
    """
    wanted = number_of(number, caller)
    found = asyncio.run(_read(caller, wanted, scope, connection))
    if folder:
        for path in _save(caller.directory / folder, found):
            caller.streams.talk(f"wrote {path}")
    elif output == "text":
        for each in found:
            caller.streams.data("\n".join(_shown(each)))
    else:
        write_data(caller.streams, msgspec.to_builtins(found), output)


async def _read(
    caller: Caller, number: int, options: ScopeOptions, connection: Connection
) -> Sequence[Evidence]:
    scope = resolve_scope(options, caller)
    async with connect(connection, caller) as client:
        found = await _kept(client, scope.namespace, names.preview_name(number))
        if not found:
            await previews.get(client, scope, number)
            raise NotFound(
                f"nothing is kept of the preview of pull request {number}",
                hint="evidence is taken when a commit fails and when a preview closes, and goes after the "
                "project's evidenceFor",
            )
        return sorted(found, key=lambda each: each.taken_at, reverse=True)


async def _kept(client: Client, namespace: str, name: str) -> list[Evidence]:
    objects = await client.list(CONFIGMAPS, namespace, labels=f"{keys.EVIDENCE}={name}")
    try:
        return [unpacked(obj) for obj in objects]
    except ValueError as error:
        raise Failed(f"{namespace}/{name}: {error}") from error


def _shown(found: Evidence) -> Iterator[str]:
    yield f"{found.reason} at {moment(found.taken_at)}, commit {found.sha}"
    yield from _section("conditions", _condition_lines(found))
    yield from _section("events", found.events)
    for log in found.logs:
        yield from _section(f"{log.which} log of {log.pod}/{log.container}", log.lines)
    if found.test:
        ended = "passed" if found.test.passed else "failed"
        title = f"test of {found.test.sha[:7]}, which {ended} at {moment(found.test.finished_at)}"
        yield from _section(title, found.test.output.splitlines() or ("it said nothing that was kept",))
    yield from _section("could not be read", found.unread)
    yield f"  {len(found.manifests)} manifests: `--save FOLDER` writes them, and all of this, as files"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"  {title}"
        yield from (f"    {line}" for line in lines)


def _condition_lines(found: Evidence) -> Sequence[str]:
    return [
        f"{moment(each.last_transition_time)} {each.type}={each.status} {each.reason}: {each.message}"
        for each in found.conditions
    ]


def _save(folder: Path, found: Sequence[Evidence]) -> Iterator[Path]:
    for each in found:
        place = folder / f"{each.reason.lower()}-{each.sha[:7]}"
        try:
            place.mkdir(parents=True)
        except FileExistsError as error:
            raise InvalidInput(f"{place} is there already", hint="name a new folder") from error
        for name, text in _files(each).items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            yield path


def _files(found: Evidence) -> dict[str, str]:
    logs = {
        f"logs/{log.pod}/{log.container}{'.previous' if log.which == 'previous' else ''}.log": _text(
            log.lines
        )
        for log in found.logs
    }
    return {
        "conditions.txt": _text(_condition_lines(found)),
        "events.txt": _text(found.events),
        "manifests.yaml": _MANIFEST_END.join(as_yaml(obj) for obj in found.manifests),
        **({"test-output.txt": found.test.output} if found.test else {}),
        **({"unread.txt": _text(found.unread)} if found.unread else {}),
        **logs,
    }


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
