"""`test`: run the project's own test against a preview that shows the expected commit."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from kubepreview.cli import awaiting, config_file, outcome, passing_through, previews, writing
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import expected_sha, number_of
from kubepreview.cli.durations import timeout_option
from kubepreview.cli.oidc_token import ASKED_WITH
from kubepreview.cli.passing_through import Ran
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.core.model import Preview
from kubepreview.errors import Failed, InvalidInput, KubepreviewError, Refused

_TIMEOUT_S = 300


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
        # The test is the pull request's: it does not get to log in as the job.
        **{name: value for name, value in caller.environ.items() if name not in ASKED_WITH},
        "PREVIEW_URL": preview.status.url,
        "PREVIEW_NUMBER": str(wanted),
        "EXPECTED_REVISION": preview.spec.revision.sha,
    }
    shown = shlex.join(command)
    caller.streams.talk(f"running `{shown}` against {preview.status.url} at {preview.spec.revision.sha[:7]}")
    ran = asyncio.run(passing_through.run(command, directory, environ, caller.streams))
    asyncio.run(_record(caller, preview, ran, scope, connection))
    if ran.code != 0:
        raise Failed(
            f"the test `{shown}` failed with exit code {ran.code} against {preview.status.url} "
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


async def _record(
    caller: Caller, preview: Preview, ran: Ran, options: ScopeOptions, connection: Connection
) -> None:
    """Beside the preview, where `evidence` finds it. A cluster that does not take it changes no verdict."""
    try:
        async with connect(connection, caller) as client:
            await writing.record_test(
                client,
                resolve_scope(options, caller),
                preview.spec.pull_request.number,
                preview.spec.revision.sha,
                passed=ran.code == 0,
                output=ran.tail,
            )
    except KubepreviewError as error:
        caller.streams.talk(f"note: the result of the test was not recorded: {error.message}")


def _is_served(preview: Preview) -> bool:
    """Whether it serves what it is asked for at this moment, so that nothing has to be awaited."""
    now = outcome.opening(preview, awaiting.asked_by(preview))
    return isinstance(now, outcome.Ended) and now.error is None
