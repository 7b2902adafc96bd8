"""The root of the command line: the table of commands, and the one place that prints an error.

A command is a row of the table until it is called: `--help` and `--version` import none of them.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from typing import Any

import click
from msgspec import Struct

from kubepreview import __version__
from kubepreview.cli.caller import Caller
from kubepreview.cli.streams import Streams
from kubepreview.errors import InvalidInput, KubepreviewError

PROGRAM = "kubepreview"
_COMPLETE = "_KUBEPREVIEW_COMPLETE"
_USAGE = 2
_INTERRUPTED = 130  # 128 + SIGINT, as shells count
_EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 refused, 4 not ready in time, "
    "5 the cluster did not answer."
)


class Row(Struct, frozen=True, kw_only=True):
    """One command: what `--help` says of it, and where it is when it is wanted (``module:attribute``).

    A row without a section is hidden.
    """

    target: str
    summary: str
    section: str = ""


class Commands(click.Group):
    """A group whose commands are imported one at a time, when asked for."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        super().__init__(
            PROGRAM,
            help="Preview environments for pull requests, on the Kubernetes cluster you already have.",
            epilog=_EPILOG,
            params=[
                click.Option(["--debug"], is_flag=True, help="Show the traceback of an unexpected error."),
            ],
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        )
        click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")(self)
        self._rows = rows

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        del ctx
        return [name for name, row in self._rows.items() if row.section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None if there is none of that name."""
        del ctx
        row = self._rows.get(cmd_name)
        if row is None:
            return None
        module, _, attribute = row.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{row.target} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table by sections, without importing a command."""
        del ctx
        width = max(len(name) for name in self._rows)
        for section in dict.fromkeys(row.section for row in self._rows.values() if row.section):
            with formatter.section(section):
                formatter.write_dl(
                    [
                        (name.ljust(width), row.summary)
                        for name, row in self._rows.items()
                        if row.section == section
                    ]
                )


def run(rows: Mapping[str, Row], argv: Sequence[str], caller: Caller) -> int:
    """Do what was asked, print what went wrong, and return the exit code."""
    commands, streams = Commands(rows), caller.streams
    is_debug = False
    # Click writes help by `print`; in a test the streams are not the process's.
    with redirect_stdout(streams.out), redirect_stderr(streams.err):
        if instruction := caller.environ.get(_COMPLETE):
            return _complete(commands, instruction)
        try:
            with commands.make_context(PROGRAM, list(argv), obj=caller) as context:
                is_debug = bool(context.params["debug"])
                commands.invoke(context)
        except click.exceptions.Exit as done:
            return int(done.exit_code)
        except (KeyboardInterrupt, click.Abort):
            streams.talk("interrupted")
            return _INTERRUPTED
        except BrokenPipeError:
            return 1  # whoever read our output has gone; there is nobody to tell
        except Exception as error:  # noqa: BLE001  the last one to hear of it; it is shown, never dropped
            return report(error, streams, is_debug=is_debug)
    return 0


def report(error: Exception, streams: Streams, *, is_debug: bool = False) -> int:
    """Print what went wrong, and give the exit code for it."""
    cause = first(error)
    if is_debug:
        streams.talk("".join(traceback.format_exception(error)).rstrip())
    if isinstance(cause, click.ClickException):
        _print_usage(cause, streams)
        return _USAGE
    if isinstance(cause, KubepreviewError):
        print_error(cause, streams)
        return cause.exit_code
    print_error(
        KubepreviewError(
            f"unexpected {type(cause).__name__}: {cause}",
            hint=f"this is a fault of {PROGRAM} {__version__}; please report it with the output of "
            f"`{PROGRAM} --debug …`",
        ),
        streams,
    )
    return 1


def print_error(error: KubepreviewError, streams: Streams) -> None:
    """What failed; each problem on its line; what to do next."""
    streams.err.write(click.style("error: ", fg="red", bold=True) if streams.has_colour else "error: ")
    streams.talk(error.message)
    for problem in error.problems if isinstance(error, InvalidInput) else ():
        # A message that is about one problem has told it, all but the cure.
        is_told = problem.what in error.message
        if line := problem.cure if is_told else str(problem):
            streams.talk(f"  {line}")
    if error.hint:
        streams.talk()
        streams.talk(f"hint: {error.hint}")


def _print_usage(error: click.ClickException, streams: Streams) -> None:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        streams.talk(error.format_message())
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"`{context.command_path} --help` tells the options" if context else ""
    print_error(InvalidInput(error.format_message(), hint=hint), streams)


def first(error: BaseException) -> BaseException:
    """The error itself, or the first that a task group carries."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _complete(commands: Any, instruction: str) -> int:
    from click.shell_completion import shell_complete  # noqa: PLC0415  only a shell's Tab needs it

    return shell_complete(commands, {}, PROGRAM, _COMPLETE, instruction)
