"""The children of a process that is the first of its namespace: started, watched, and all reaped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubepreview.errors import Failed

_LAST_LINES = 15
_LAST_BYTES = 16_384


class ChildExited(Failed):
    """A program that should run has ended; the message carries its exit code and its last lines."""


@dataclass(slots=True)
class Child:
    """One run of a program."""

    name: str
    pid: int
    log: Path
    log_start: int
    exited: asyncio.Future[int]

    def account(self, code: int, after_s: float) -> str:
        """How it ended, and the last it said."""
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        said = "\n".join(f"  {line}" for line in self.last_lines())
        tail = f"; its last lines:\n{said}" if said else ", and said nothing"
        return f"{self.name} {how} after {after_s:.1f} s{tail}"

    def last_lines(self) -> list[str]:
        """The end of what this run wrote."""
        with self.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self.log_start, end - _LAST_BYTES))
            return log.read().decode(errors="replace").splitlines()[-_LAST_LINES:]


@dataclass(slots=True)
class Reaper:
    """Collects every process that ends below this one: its children, and orphans the kernel hands to it."""

    environment: dict[str, str]
    _waiting: dict[int, asyncio.Future[int]] = field(default_factory=dict)

    def install(self) -> None:
        """From now on nothing else in this process may wait for children."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._collect)

    def spawn(self, name: str, argv: Sequence[str], log: Path) -> Child:
        """Start a program whose output goes to the end of `log`. A program that is not there is Failed."""
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            start = os.lseek(descriptor, 0, os.SEEK_END)
            pid = os.posix_spawnp(
                argv[0],
                list(argv),
                self.environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, descriptor, 1),
                    (os.POSIX_SPAWN_DUP2, descriptor, 2),
                ],
                setsigmask=[],
                setsigdef=[
                    signal.SIGPIPE,
                    signal.SIGXFSZ,
                ],  # Python ignores these, and a child would inherit it
            )
        except OSError as error:
            raise Failed(f"{name}: cannot start {argv[0]}: {error.strerror}") from error
        finally:
            os.close(descriptor)
        exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[pid] = exited
        return Child(name, pid, log, start, exited)

    def _collect(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            exited = self._waiting.pop(pid, None)
            if exited is not None and not exited.done():
                exited.set_result(os.waitstatus_to_exitcode(status))


def run(argv: Sequence[str], *, stdin: str = "") -> str:
    """Run a short command to its end and return its output; anything but success is Failed, with its words.

    It blocks, so it is for the moments before anything is served.
    """
    try:
        done = subprocess.run(  # noqa: S603 - arguments are a list of our own making
            list(argv), input=stdin, capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"cannot run {' '.join(argv)}: {error}") from error
    if done.returncode != 0:
        raise Failed(f"`{' '.join(argv)}` exited with {done.returncode}: {done.stderr.strip()}")
    return done.stdout
