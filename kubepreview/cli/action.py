"""A step of GitHub Actions: what `action.yml` calls. One of our commands, and its result where a job looks.

Inputs come as environment variables, so that no shell ever reads them.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec import Struct

from kubepreview.cli import declaring, oidc_token, previews
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect
from kubepreview.cli.down import down
from kubepreview.cli.publish import publish
from kubepreview.cli.root import first, report
from kubepreview.cli.runner import Runner
from kubepreview.cli.scope import ScopeOptions, resolve_scope
from kubepreview.cli.test import test
from kubepreview.cli.up import up
from kubepreview.core import comment
from kubepreview.core.model import Preview
from kubepreview.errors import InvalidInput, KubepreviewError

_PREFIX: Final = "KUBEPREVIEW_INPUT_"
_COMMANDS: Final[Mapping[str, click.Command]] = {"up": up, "test": test, "down": down, "publish": publish}
# What they take of the inputs; no cluster is asked to publish.
_OPTIONS: Final = ("config", "project", "timeout", "kubeconfig")
_TAKES: Final[Mapping[str, Sequence[str]]] = {"publish": ("config", "to")}
_WITH_IMAGES: Final = frozenset({"up", "publish"})
_NO_SECRETS: Final = (
    "give the input `kubeconfig`, or log in to the cluster in a step before; a pull request of a fork, and "
    "one of Dependabot, gets none of the repository's secrets"
)


class Inputs(Struct, frozen=True, kw_only=True):
    """The action's inputs, by the names of action.yml; what is left out is empty."""

    command: str = "auto"
    config: str = ""
    image: str = ""
    kubeconfig: str = ""
    server: str = ""
    certificate_authority: str = ""
    audience: str = ""
    project: str = ""
    timeout: str = ""
    to: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Inputs:
        """From the step's environment."""
        given = {name: environ.get(_PREFIX + name.upper(), "").strip() for name in cls.__struct_fields__}
        return cls(**{name: value for name, value in given.items() if value})

    @property
    def scope(self) -> ScopeOptions:
        """Which project is meant."""
        return ScopeOptions(project=self.project or None, config=Path(self.config) if self.config else None)

    def arguments(self, command: str, kubeconfig: Path | None) -> list[str]:
        """What is typed after the command."""
        told = msgspec.structs.asdict(self) | {"kubeconfig": str(kubeconfig or "")}
        flags = [f"--{name}={told[name]}" for name in _TAKES.get(command, _OPTIONS) if told[name]]
        images = [line.strip() for line in self.image.splitlines()] if command in _WITH_IMAGES else []
        return [*flags, *(f"--image={each}" for each in images if each)]


@click.command(hidden=True)
@click.pass_obj
def action(caller: Caller, /) -> None:
    """Run as a step of a GitHub Actions job (see action.yml)."""
    inputs, runner = Inputs.of(caller.environ), Runner.of(caller)
    inside = _without_inputs(caller)
    command = _command(inputs.command, caller)
    if command == "publish":
        raise click.exceptions.Exit(_publish(inputs, runner, inside))
    with _kubeconfig(inputs, caller) as kubeconfig:
        # An error, too, is told in words that are others'.
        with runner.group(f"kubepreview {command}"):
            error, code = _run(command, inputs.arguments(command, kubeconfig), inside)
        preview = _told(caller, inputs, Connection(kubeconfig=kubeconfig), runner)
        if error and preview and comment.state(preview) == "skipped":
            runner.notice(str(error))
            code = 0
        elif error:
            runner.annotate(error)
    raise click.exceptions.Exit(code)


def _publish(inputs: Inputs, runner: Runner, caller: Caller) -> int:
    """Nothing is known of the preview yet, so that what was published is all there is to tell."""
    published = io.StringIO()
    streams = msgspec.structs.replace(caller.streams, out=published)
    with runner.group("kubepreview publish"):
        arguments = inputs.arguments("publish", None)
        error, code = _run("publish", arguments, msgspec.structs.replace(caller, streams=streams))
    if error:
        runner.annotate(error)
    else:
        runner.output("artifact", published.getvalue().strip())
        runner.summary(
            f"Published {comment.code(published.getvalue())}; the controller takes it from there.\n"
        )
    return code


def _run(command: str, arguments: list[str], caller: Caller) -> tuple[BaseException | None, int]:
    """What went wrong, if anything did, and the exit code."""
    try:
        _COMMANDS[command].main(
            arguments, prog_name=f"kubepreview {command}", standalone_mode=False, obj=caller
        )
    except Exception as error:  # noqa: BLE001 — it is shown, never dropped
        return first(error), report(error, caller.streams)
    return None, 0


def _without_inputs(caller: Caller) -> Caller:
    """What the command, and a test that it starts, need not see: one of the inputs is a credential."""
    environ = {name: value for name, value in caller.environ.items() if not name.startswith(_PREFIX)}
    return msgspec.structs.replace(caller, environ=environ)


def _command(wish: str, caller: Caller) -> str:
    """`auto` is what the event asks for."""
    if wish == "auto":
        return "down" if declaring.is_closed(caller) else "up"
    if wish not in _COMMANDS:
        raise InvalidInput(f"command: {wish!r} is none of auto, {', '.join(_COMMANDS)}")
    return wish


@contextmanager
def _kubeconfig(inputs: Inputs, caller: Caller) -> Iterator[Path | None]:
    """A file that only this user can read, for as long as it is needed; None for what the job has already."""
    text = inputs.kubeconfig or (_oidc_kubeconfig(inputs) if inputs.server else "")
    if not text:
        home = caller.environ.get("HOME", "/")
        if not caller.environ.get("KUBECONFIG") and not (Path(home) / ".kube" / "config").is_file():
            raise InvalidInput("there is no way to the cluster: no kubeconfig", hint=_NO_SECRETS)
        yield None
        return
    with tempfile.TemporaryDirectory(dir=caller.environ.get("RUNNER_TEMP")) as folder:
        path = Path(folder) / "kubeconfig"
        path.touch(0o600)
        path.write_text(text + "\n")
        yield path


def _oidc_kubeconfig(inputs: Inputs) -> str:
    """By which the job logs in with GitHub's own token; it holds no secret."""
    command = [sys.executable, "-P", "-m", "kubepreview"]
    config = oidc_token.kubeconfig(inputs.server, inputs.certificate_authority, inputs.audience, command)
    return json.dumps(config)


def _told(caller: Caller, inputs: Inputs, connection: Connection, runner: Runner) -> Preview | None:
    """The preview, told as outputs and summary; where there is none to read, the step's error says why."""
    with suppress(KubepreviewError):
        preview = asyncio.run(_read(caller, inputs, connection))
        runner.output("url", preview.status.url)
        runner.output("namespace", preview.status.namespace)
        runner.output("revision", preview.spec.revision.sha)
        runner.output("ready", "true" if comment.state(preview) == "ready" else "false")
        runner.summary(comment.comment(preview))
        return preview
    return None


async def _read(caller: Caller, inputs: Inputs, connection: Connection) -> Preview:
    async with connect(connection, caller) as client:
        scope = resolve_scope(inputs.scope, caller)
        found = await previews.get(client, scope, declaring.number_of(None, caller))
        return previews.decode(found)
