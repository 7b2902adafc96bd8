"""What a person sees: streams, tables, and the display of a wait, in a log and on a real terminal."""

from __future__ import annotations

import io
import os
import pty
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from kubepreview.cli.output import as_yaml, table
from kubepreview.cli.streams import Streams
from kubepreview.cli.waiting import Step, progress


@contextmanager
def terminal() -> Iterator[tuple[TextIO, list[bytes]]]:
    """A pseudo-terminal: what is written to the file has come to the list when the terminal is left."""
    reader, writer = pty.openpty()
    said: list[bytes] = []
    listener = threading.Thread(target=_read_all, args=(reader, said))
    listener.start()
    try:
        with os.fdopen(writer, "w") as file:
            yield file, said
    finally:
        listener.join(10)
        os.close(reader)


def _read_all(reader: int, said: list[bytes]) -> None:
    """A terminal whose other side is closed answers with an error, not with an end."""
    with suppress(OSError):
        while chunk := os.read(reader, 4096):
            said.append(chunk)


def test_a_log_gets_neither_colour_nor_live_lines() -> None:
    """A file or pipe is no terminal."""
    streams = Streams.of(io.StringIO(), io.StringIO(), {"TERM": "xterm"})

    assert (streams.has_colour, streams.is_live, streams.is_out_terminal) == (False, False, False)


def test_a_terminal_gets_both_unless_it_says_otherwise() -> None:
    """NO_COLOR takes the colour, TERM=dumb takes the live lines too."""
    with terminal() as (file, _):
        plain, no_colour, dumb = (
            Streams.of(file, file, environ) for environ in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"})
        )

    assert (plain.has_colour, plain.is_live) == (True, True)
    assert (no_colour.has_colour, no_colour.is_live) == (False, True)
    assert (dumb.has_colour, dumb.is_live) == (False, False)


def test_a_pipe_gets_data_as_it_is_and_a_terminal_is_protected_from_it() -> None:
    """Escapes of a pod's log reach a file untouched; on a terminal they are shown, not obeyed."""
    piped = Streams(out=io.StringIO(), err=io.StringIO())
    shown = Streams(out=io.StringIO(), err=io.StringIO(), is_out_terminal=True)
    for streams in (piped, shown):
        streams.data("red \x1b[31m\u202e")

    assert piped.out.getvalue() == "red \x1b[31m\u202e\n"  # type: ignore[attr-defined]  # a StringIO
    assert shown.out.getvalue() == "red \\x1b[31m\\x202e\n"  # type: ignore[attr-defined]  # a StringIO


def test_a_table_is_aligned_and_shows_what_is_empty() -> None:
    """Columns are as wide as their widest cell; an empty cell is a dash."""
    assert table(("NAME", "AGE"), [("a-long-name", "3d"), ("b", "")]) == (
        "NAME          AGE\na-long-name   3d\nb             -"
    )


def test_yaml_keeps_the_order_and_the_letters() -> None:
    """Keys come in the order they were given, and a name is not escaped."""
    assert as_yaml({"b": "ü", "a": [1]}) == "b: ü\na:\n- 1"


def test_a_log_of_a_wait_has_one_line_per_change() -> None:
    """A step is printed when it changes, with the seconds since the wait began; what repeats is not."""
    streams = Streams(out=io.StringIO(), err=io.StringIO())
    seconds = iter((0.1, 2.0, 2.0, 3.5))
    with progress(streams, lambda: next(seconds)) as shown:
        shown.show([Step("applied", "running", "waiting"), Step("served", "pending")])
        shown.show([Step("applied", "running", "waiting"), Step("served", "pending")])
        shown.show([Step("applied", "done", "3 objects\nof abc"), Step("served", "running")])
        shown.note("the cluster does not answer")

    assert streams.err.getvalue().splitlines() == [  # type: ignore[attr-defined]  # a StringIO
        "    0.1s  … applied: waiting",
        "    2.0s  ✓ applied: 3 objects of abc",
        "    2.0s  … served",
        "    3.5s  note: the cluster does not answer",
    ]


def test_a_terminal_shows_the_last_state_of_every_step_and_its_time() -> None:
    """The live display ends with what was last shown, each step with the time it took."""
    with terminal() as (file, chunks):
        streams = Streams.of(file, file, {"TERM": "xterm"})
        now = 0.0
        with progress(streams, lambda: now) as shown:
            shown.show([Step("applied", "running"), Step("served", "pending")])
            now = 2.0
            shown.note("title \x1b]0;owned\x07")
            shown.show([Step("applied", "done"), Step("served", "running", "asking")])
            now = 5.0
            shown.show([Step("applied", "done"), Step("served", "done", "200")])
    said = b"".join(chunks).decode()

    assert "2.0s  ✓ applied" in said
    assert "3.0s  ✓ served: 200" in said
    assert "note: title \\x1b]0;owned\\x07" in said
