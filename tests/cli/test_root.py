"""The frame: what help costs, where words go, and what each end of a command looks like."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from kubepreview import __version__
from kubepreview.__main__ import COMMANDS
from kubepreview.cli import root
from kubepreview.cli.root import Row
from kubepreview.errors import Failed, InvalidInput, KubepreviewError, NotReady, Problem, Refused, Unreachable
from tests.cli.calling import caller
from tests.commands import kubepreview

HEAVY = ("httpx2", "yaml", "rich", "jsonschema_rs", "asyncio", "structlog", "kubepreview.kube")
ENVIRON = {"HOME": "/nonexistent"}

raised: BaseException = Failed("unset")


@click.command()
def fails() -> None:
    """Raise what the test asks for."""
    raise raised


def ended(error: BaseException, *flags: str) -> tuple[int, str]:
    """The exit code and the stderr of a command that raises the error."""
    global raised  # noqa: PLW0603  a command is found by its name in a module
    raised = error
    given = caller()
    row = Row(target=f"{__name__}:fails", summary="", section="Tests")
    code = root.run({"fails": row}, [*flags, "fails"], given)
    return code, str(given.streams.err.getvalue())  # type: ignore[attr-defined]  # a StringIO


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(flag: str) -> None:
    """Neither a command nor a library that costs time is imported to print help."""
    program = (
        "import sys; from kubepreview.__main__ import main; code = main([sys.argv[1]]);"
        "print(*sys.modules, sep='\\n', file=sys.stderr); sys.exit(code)"
    )

    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", program, flag], capture_output=True, text=True, check=True, timeout=60
    )

    modules = set(done.stderr.split())
    assert modules.isdisjoint(HEAVY)
    assert {name for name in modules if name.startswith("kubepreview.cli.")} == {
        "kubepreview.cli.root",
        "kubepreview.cli.caller",
        "kubepreview.cli.streams",
    }


def test_help_lists_every_command_but_the_hidden() -> None:
    """The table is what `--help` shows; `controller` is for the cluster only."""
    shown = kubepreview("--help", environ=ENVIRON)

    assert shown.code == 0
    assert all(f"  {name}" in shown.out for name, row in COMMANDS.items() if row.section)
    assert "controller" not in shown.out
    assert shown.err == ""


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_of_the_table_is_there(name: str) -> None:
    """Each row leads to a command, which can print its help."""
    shown = kubepreview(name, "--help", environ=ENVIRON)

    assert shown.code == 0, shown.err
    assert shown.out.startswith("Usage: ")


def test_the_version_is_data() -> None:
    """`--version` prints one line on stdout."""
    assert kubepreview("--version", environ=ENVIRON).out == f"kubepreview {__version__}\n"


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["--nonsense"], "No such option '--nonsense'"),
        (["up", "--nonsense"], "No such option '--nonsense'"),
        (["up", "seven"], "'seven' is not a valid integer"),
        (["up", "7", "--timeout", "soon"], "'soon' is not a duration; write for example 90s"),
        (["up", "7", "--observed-at", "2026-01-01"], "is not a time with an offset"),
        (["logs", "7", "--follow", "--previous"], "--follow and --previous exclude each other"),
    ],
)
def test_wrong_usage_exits_2_and_says_where_help_is(argv: list[str], what: str) -> None:
    """A usage error is told on stderr, with the command whose help explains it."""
    done = kubepreview(*argv, environ=ENVIRON)

    assert done.code == 2
    assert done.out == ""
    assert what in done.err
    assert "hint: `kubepreview" in done.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Failed("x"), 1),
        (InvalidInput("x"), 2),
        (Refused("x"), 3),
        (NotReady("x"), 4),
        (Unreachable("x"), 5),
        (ExceptionGroup("tasks", [ExceptionGroup("inner", [Refused("x")])]), 3),
    ],
)
def test_each_error_has_its_exit_code(error: KubepreviewError, code: int) -> None:
    """The class decides the exit code, also from inside a group of tasks."""
    assert ended(error) == (code, "error: x\n")


def test_an_error_prints_its_problems_and_its_hint() -> None:
    """One line for each problem, then a blank line and the hint."""
    problems = [Problem(where="a.yaml:3", what="is wrong", cure="mend it"), Problem(where="b", what="too")]

    _, err = ended(InvalidInput("two problems", problems=problems, hint="read the manual"))

    assert err == "error: two problems\n  a.yaml:3: is wrong (mend it)\n  b: too\n\nhint: read the manual\n"


def test_an_unexpected_error_asks_for_a_report() -> None:
    """A fault of ours is one line without --debug, and a traceback with it."""
    code, err = ended(ZeroDivisionError("division by zero"))

    assert code == 1
    assert "unexpected ZeroDivisionError: division by zero" in err
    assert "please report it" in err
    assert "Traceback" not in err
    assert "Traceback" in ended(ZeroDivisionError("division by zero"), "--debug")[1]


def test_an_interrupt_exits_130() -> None:
    """Ctrl-C is no error, and no success."""
    assert ended(KeyboardInterrupt()) == (130, "interrupted\n")


def test_an_error_cannot_write_to_the_terminal() -> None:
    """An escape in a message, which may come from a pod, is shown and not obeyed."""
    assert ended(Failed("title \x1b]0;owned\x07"))[1] == "error: title \\x1b]0;owned\\x07\n"
