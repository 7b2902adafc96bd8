"""Programs that run to their end: each line they say is told as it comes, and none outlives its caller."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kubepreview.errors import Failed, NotReady

_LAST_LINES = 30


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, what it printed on stdout, and the last of what it said on stderr."""

    code: int
    stdout: str
    last_lines: tuple[str, ...]

    def or_fail(self, what: str, hint: str = "") -> str:
        """Return stdout; raise Failed, saying `what` was tried, where the program did not succeed."""
        if self.code == 0:
            return self.stdout
        said = "".join(f"\n  {line}" for line in self.last_lines)
        raise Failed(f"{what} failed with exit code {self.code}{said or ', and said nothing'}", hint=hint)


async def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float,
    cwd: Path | None = None,
    hear: Callable[[str], None] = lambda _line: None,
    keep_open: Sequence[int] = (),
) -> Ended:
    """Run a program in a process group of its own, and end the group if the caller is cancelled."""
    said: deque[str] = deque(maxlen=_LAST_LINES)
    with tempfile.TemporaryFile() as stdout:
        process = await _start(argv, cwd=cwd, stdout=stdout, keep_open=keep_open)
        try:
            async with asyncio.timeout(timeout_s):
                async for line in _lines(process.stderr):
                    said.append(line)
                    hear(line)
                code = await process.wait()
        except TimeoutError as error:
            last = said[-1] if said else "nothing"
            raise NotReady(f"{argv[0]} was not done after {timeout_s:.0f} s; last it said: {last}") from error
        finally:
            await _end(process)
        stdout.seek(0)
        return Ended(code, stdout.read().decode(errors="replace"), tuple(said))


async def _start(
    argv: Sequence[str | Path], *, cwd: Path | None, stdout: IO[bytes], keep_open: Sequence[int]
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            pass_fds=keep_open,
        )
    except OSError as error:
        raise Failed(f"starting {argv[0]}: {error.strerror}") from error


async def _lines(stream: asyncio.StreamReader | None) -> AsyncIterator[str]:
    if stream is not None:  # it is not: a pipe was asked for
        async for raw in stream:
            yield raw.decode(errors="replace").rstrip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what still runs: a compiler has nothing to put in order, and its output is not yet in use."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
