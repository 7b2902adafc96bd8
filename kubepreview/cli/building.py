"""How a build or a start is coming along: a bar that is drawn over on a terminal, a few lines in a log."""

from __future__ import annotations

from kubepreview.cli.streams import Streams
from kubepreview.localcluster.progress import Progress, log_line, terminal_line

# How often a log hears of a build: at each of so many parts of it.
_PARTS = 10
_CLEAR_LINE = "\r\x1b[K"


class Teller:
    """Given to `localcluster` as its report; every step leaves one line behind."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._step = ""
        self._told: tuple[str, int] | None = None
        self._is_open = False

    def __call__(self, progress: Progress) -> None:
        """Tell of it."""
        if self._streams.is_live:
            self._draw(progress)
        else:
            self._log(progress)

    def close(self) -> None:
        """End the line that is being drawn."""
        if self._is_open:
            self._streams.err.write("\n")
            self._streams.err.flush()
        self._is_open, self._step = False, ""

    def _draw(self, progress: Progress) -> None:
        if progress.step != self._step:
            self.close()
        self._step, self._is_open = progress.step, True
        self._streams.err.write(_CLEAR_LINE + terminal_line(progress)[: self._streams.width - 1])
        self._streams.err.flush()

    def _log(self, progress: Progress) -> None:
        total = progress.packages_total
        part = progress.packages_done * _PARTS // total if total else 0
        if self._told != (progress.step, part):
            self._told = (progress.step, part)
            self._streams.talk(log_line(progress))
