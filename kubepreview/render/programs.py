"""Run one program over a pull request's files: bounded in time, memory and output, and knowing nothing.

It sees none of our environment: no kubeconfig, no tokens, an empty home. Its proxy leads nowhere, so
that a reference to the network which got past our own look at the files fails at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from kubepreview.errors import Failed, InvalidInput

_NOWHERE = "http://127.0.0.1:9"
_GO_CRASH = ("fatal error: ", "panic: ", "runtime: ")
_LAUNCHER = Path(__file__).with_name("limited.py")


class Limits(Struct, frozen=True, kw_only=True):
    """What a program may use. Memory is address space: Go reserves a few times what it touches."""

    time_s: float = 30
    memory_bytes: int = 2 * 1024**3
    output_bytes: int = 5 * 1024**2


class Result(Struct, frozen=True, kw_only=True):
    """How it ended and what it said."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def reason(self) -> str:
        """The line of stderr that says why it failed: of Go, the first of its crash; else the last."""
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        crash = [line for line in lines if line.startswith(_GO_CRASH)]
        return (crash or lines[-1:] or ["it said nothing"])[0].strip()


async def run(
    command: Sequence[str], *, what: str, stdin: bytes = b"", limits: Limits | None = None
) -> Result:
    """Run to the end. `what` names the deed in messages; an exit code other than 0 is the caller's matter."""
    limits = limits or Limits()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        process = await _start(command, home, stdin, limits)
        try:
            async with asyncio.timeout(limits.time_s):
                code = await process.wait()
        except TimeoutError as error:
            raise Failed(
                f"{what}: not done after {limits.time_s:g} s, given up",
                hint="make it smaller, or look for a loop in it",
            ) from error
        finally:
            await _end(process)
        return _result(code, home, what, limits)


async def _start(
    command: Sequence[str], home: Path, stdin: bytes, limits: Limits
) -> asyncio.subprocess.Process:
    """Files take the place of pipes: their size has a limit, and nobody must read while it runs."""
    (home / "in").write_bytes(stdin)
    # One byte more than is allowed, so that a full file and a cut one differ.
    bounds = (limits.memory_bytes, int(limits.time_s) + 1, limits.output_bytes + 1)
    launch = (sys.executable, "-I", "-S", str(_LAUNCHER), *map(str, bounds))
    with (
        (home / "in").open("rb") as source,
        (home / "out").open("wb") as out,
        (home / "err").open("wb") as err,
    ):
        return await asyncio.create_subprocess_exec(
            *launch,
            *command,
            stdin=source,
            stdout=out,
            stderr=err,
            cwd=home,
            env=_environment(home),
            start_new_session=True,
        )


def _environment(home: Path) -> dict[str, str]:
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _NOWHERE)
    # Each thread of a Go program or of malloc reserves address space: on a machine of many cores, too much.
    threads = {"GOMAXPROCS": "4", "MALLOC_ARENA_MAX": "4"}
    return {"HOME": str(home), "TMPDIR": str(home), "PATH": "", "LANG": "C.UTF-8", **threads, **proxies}


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what still runs of it and its children, and take its exit code."""
    if process.returncode is None:
        # It leads a group of its own. It may have ended since, and asyncio not yet have told us.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _result(code: int, home: Path, what: str, limits: Limits) -> Result:
    stdout, stderr = (home / "out").read_bytes(), (home / "err").read_bytes()
    if max(len(stdout), len(stderr)) > limits.output_bytes:
        raise InvalidInput(
            f"{what}: it wrote more than {limits.output_bytes // 1024} KiB",
            hint="a preview holds 512 KiB in all; leave out what it does not need",
        )
    return Result(code=code, stdout=stdout, stderr=stderr.decode(errors="replace"))
