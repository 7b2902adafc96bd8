"""`test`: run the project's own test against a preview that shows the expected commit."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click

from kubepreview.cli import awaiting, config_file, outcome, previews
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import expected_sha, number_of
from kubepreview.cli.durations import timeout_option
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.cli.streams import Streams
from kubepreview.core.model import Preview
from kubepreview.errors import Failed, InvalidInput, Refused

_TIMEOUT_S = 300
_STOP_S = 10.0


@click.command()
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[NUMBER] [-- COMMAND...]")
@click.option(
    "--sha", help="The commit that must be served.  [default: the event's, or what the preview asks for]"
)
@timeout_option("5m")
@scope_options
@connection_options
@click.pass_obj
def test(
    caller: Caller,
    /,
    *,
    words: tuple[str, ...],
    sha: str | None,
    timeout: int | None,
    scope: ScopeOptions,
    connection: Connection,
) -> None:
    """Run preview.yml's test, or COMMAND after `--`, against the preview of pull request NUMBER.

    It begins only when the preview serves the expected commit. The test finds PREVIEW_URL, PREVIEW_NUMBER
    and EXPECTED_REVISION in its environment; its output is passed on as it comes.
    """
    number, given = _split(words)
    command, directory = _command(caller, scope, given)
    wanted = number_of(number, caller)
    sha = sha or expected_sha(wanted, caller)
    preview = asyncio.run(_ready(caller, wanted, sha, timeout or _TIMEOUT_S, scope, connection))
    environ = {
        **caller.environ,
        "PREVIEW_URL": preview.status.url,
        "PREVIEW_NUMBER": str(wanted),
        "EXPECTED_REVISION": preview.spec.revision.sha,
    }
    shown = shlex.join(command)
    caller.streams.talk(f"running `{shown}` against {preview.status.url} at {preview.spec.revision.sha[:7]}")
    code = asyncio.run(_run(command, directory, environ, caller.streams))
    if code != 0:
        raise Failed(
            f"the test `{shown}` failed with exit code {code} against {preview.status.url} "
            f"at {preview.spec.revision.sha}",
            hint=f"`kubepreview logs {wanted}` shows what the preview said meanwhile",
        )


def _split(words: tuple[str, ...]) -> tuple[int | None, tuple[str, ...]]:
    """The number, if the first word is one, and the command."""
    if words and words[0].isascii() and words[0].isdigit():
        return int(words[0]), words[1:]
    return None, words


def _command(caller: Caller, scope: ScopeOptions, given: Sequence[str]) -> tuple[Sequence[str], Path]:
    """What to run, and where: the command line's wish, or preview.yml's in the repository's root."""
    if given:
        return given, caller.directory
    repository = config_file.read(caller, scope.config)
    command = shlex.split(repository.config.test)
    if not command:
        raise InvalidInput(
            "preview.yml names no test",
            hint="add `test: …` to it, or give the command after `--`: kubepreview test 7 -- pytest smoke",
        )
    return command, repository.root


async def _ready(
    caller: Caller,
    number: int,
    sha: str | None,
    timeout_s: int,
    options: ScopeOptions,
    connection: Connection,
) -> Preview:
    """The preview once it serves the expected commit; Refused if it is not even asked to."""
    target = resolve_scope(options, caller)
    async with connect(connection, caller) as client:
        preview = previews.decode(await previews.get(client, target, number))
        asked = preview.spec.revision.sha
        if sha and sha != asked:
            raise Refused(
                f"the preview of pull request {number} is asked to serve {asked}, not {sha}",
                hint="a later commit has its own test; `kubepreview up` asks for this one",
            )
        if _is_served(preview):
            return preview
        wait = awaiting.Wait(what=f"{asked[:7]} to be served", judge=outcome.opening, timeout_s=timeout_s)
        return await awaiting.until(client, preview, wait, caller.streams)


def _is_served(preview: Preview) -> bool:
    """Whether it serves what it is asked for at this moment, so that nothing has to be awaited."""
    now = outcome.opening(preview, awaiting.asked_by(preview))
    return isinstance(now, outcome.Ended) and now.error is None


async def _run(command: Sequence[str], directory: Path, environ: Mapping[str, str], streams: Streams) -> int:
    """Its exit code. Its two streams are ours; an interrupt ends it before us."""
    both = (streams.out, streams.err)
    out, err = (_descriptor(stream) for stream in both)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=directory, env=environ, stdout=out, stderr=err
        )
    except OSError as error:
        shown = shlex.join(command)
        raise InvalidInput(f"the test `{shown}` could not be started: {error.strerror}") from error
    try:
        said = await process.communicate()
    except asyncio.CancelledError:
        await _stop(process)
        raise
    for stream, text in zip(both, said, strict=True):
        stream.write((text or b"").decode(errors="replace"))
    return process.returncode or 0


def _descriptor(stream: TextIO) -> int:
    """The stream's own file, so that a terminal stays one; a pipe for a stream in memory."""
    try:
        stream.flush()
        return stream.fileno()
    except OSError:
        return asyncio.subprocess.PIPE


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
