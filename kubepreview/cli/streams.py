"""The two streams of a command: stdout is data a program may read, stderr is talk for people."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Self, TextIO

from msgspec import Struct

_DEFAULT_WIDTH = 80
# Everything that moves a cursor or changes a terminal's state; pods and pull requests write these too.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text with each control character shown instead of obeyed; lines and tabs stay."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


class Streams(Struct, frozen=True, kw_only=True):
    """Where a command writes. `is_live`: stderr is a terminal on which a line may be written over."""

    out: TextIO
    err: TextIO
    is_out_terminal: bool = False
    is_live: bool = False
    has_colour: bool = False
    width: int = _DEFAULT_WIDTH

    @classmethod
    def of(cls, out: TextIO, err: TextIO, environ: Mapping[str, str]) -> Self:
        """The streams of a process; NO_COLOR and TERM=dumb are honoured."""
        is_dumb = environ.get("TERM") == "dumb"
        is_terminal = err.isatty()
        return cls(
            out=out,
            err=err,
            is_out_terminal=out.isatty(),
            is_live=is_terminal and not is_dumb,
            has_colour=is_terminal and not is_dumb and not environ.get("NO_COLOR"),
            width=_width(err) if is_terminal else _DEFAULT_WIDTH,
        )

    def data(self, text: str) -> None:
        """A line of data. A file or pipe gets it as it is; a terminal is protected from it."""
        self.out.write((printable(text) if self.is_out_terminal else text) + "\n")
        self.out.flush()

    def talk(self, text: str = "") -> None:
        """A line for the person or the log of the job."""
        self.err.write(printable(text) + "\n")
        self.err.flush()


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_WIDTH
    except OSError:
        return _DEFAULT_WIDTH
