"""What a wait shows: one live line per step on a terminal, one line per change in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from kubepreview.cli.streams import Streams, printable

State: TypeAlias = Literal["pending", "running", "done", "failed"]

_SIGNS: dict[State, str] = {"pending": "·", "running": "…", "done": "✓", "failed": "✗"}


class Step(Struct, frozen=True):
    """One thing that is waited for."""

    name: str
    state: State
    detail: str = ""


class Progress(Protocol):
    """Shows how far a wait has come."""

    def show(self, steps: Sequence[Step]) -> None:
        """The steps as they are now."""

    def note(self, text: str) -> None:
        """Something that a reader should know and that is no step."""


@contextmanager
def progress(streams: Streams, elapsed_s: Callable[[], float]) -> Iterator[Progress]:
    """The display that fits the streams; `elapsed_s` is the time since the wait began."""
    if not streams.is_live:
        yield _Log(streams, elapsed_s)
        return
    from rich.console import Console  # noqa: PLC0415  100 ms that only a terminal needs
    from rich.live import Live  # noqa: PLC0415  the same
    from rich.text import Text  # noqa: PLC0415  the same

    console = Console(
        file=streams.err, width=streams.width, no_color=not streams.has_colour, force_terminal=True
    )
    shown = _Terminal(lambda line: console.print(Text(line)), elapsed_s)
    with Live(console=console, get_renderable=lambda: Text("\n".join(shown.lines())), refresh_per_second=8):
        yield shown


class _Log:
    """A line for each change, with the seconds since the wait began: for a file or the page of a job."""

    def __init__(self, streams: Streams, elapsed_s: Callable[[], float]) -> None:
        self._streams = streams
        self._elapsed_s = elapsed_s
        self._shown: dict[str, Step] = {}

    def show(self, steps: Sequence[Step]) -> None:
        """Print the steps that look different from before."""
        for step in steps:
            if step.state != "pending" and self._shown.get(step.name) != step:
                self._shown[step.name] = step
                self._streams.talk(f"{_seconds(self._elapsed_s())}  {_line(step)}")

    def note(self, text: str) -> None:
        """Print it as a line of its own."""
        self._streams.talk(f"{_seconds(self._elapsed_s())}  note: {text}")


class _Terminal:
    """A line for each step, written over: its sign, what it waits for, and how long it took or takes."""

    def __init__(self, print_line: Callable[[str], None], elapsed_s: Callable[[], float]) -> None:
        self._print_line = print_line
        self._elapsed_s = elapsed_s
        self._steps: Sequence[Step] = ()
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def show(self, steps: Sequence[Step]) -> None:
        """Take them; the display reads `lines` several times a second."""
        now = self._elapsed_s()
        for step in steps:
            if step.state != "pending":
                self._began.setdefault(step.name, now)
            if step.state in ("pending", "running"):
                self._ended.pop(step.name, None)
            else:
                self._ended.setdefault(step.name, now)
        self._steps = tuple(steps)

    def note(self, text: str) -> None:
        """Print it above the steps."""
        self._print_line(printable(f"note: {text}"))

    def lines(self) -> list[str]:
        """The display at this moment."""
        return [f"{self._took(step)}  {printable(_line(step))}" for step in self._steps]

    def _took(self, step: Step) -> str:
        if step.state == "pending":
            return " " * len(_seconds(0))
        return _seconds(self._ended.get(step.name, self._elapsed_s()) - self._began[step.name])


def _seconds(elapsed_s: float) -> str:
    return f"{elapsed_s:7.1f}s"


def _line(step: Step) -> str:
    # What stands on one line stays on it; the whole text is told when the wait ends.
    detail = " ".join(step.detail.split())
    return f"{_SIGNS[step.state]} {step.name}" + (f": {detail}" if detail else "")
