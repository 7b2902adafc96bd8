"""What runs over a pull request's files runs within limits, and ends with us."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from kubepreview.errors import Failed, InvalidInput
from kubepreview.render import programs
from kubepreview.render.programs import Limits

_PYTHON = (sys.executable, "-I", "-S", "-c")


async def _run(code: str, limits: Limits | None = None) -> programs.Result:
    return await programs.run([*_PYTHON, code], what="try it", stdin=b"in", limits=limits)


async def test_what_it_said_and_how_it_ended_come_back() -> None:
    """Both streams and the exit code; stdin is what was given."""
    code = "import sys; print(sys.stdin.read()); print('talk', file=sys.stderr); sys.exit(3)"
    result = await _run(code)

    assert (result.code, result.stdout, result.stderr) == (3, b"in\n", "talk\n")


async def test_it_sees_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No kubeconfig and no token; its home is empty, and no program is on its path."""
    monkeypatch.setenv("KUBECONFIG", "/secret")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    code = "import os; print(sorted(os.environ), os.environ['PATH'], sorted(os.listdir(os.environ['HOME'])))"
    result = await _run(code)

    names = "'GOMAXPROCS', 'HOME', 'HTTPS_PROXY', 'HTTP_PROXY', 'LANG', 'MALLOC_ARENA_MAX', 'PATH', 'TMPDIR'"
    assert result.stdout.decode() == f"['ALL_PROXY', {names}]  ['err', 'in', 'out']\n"


async def test_it_ends_when_its_time_is_over_and_so_do_its_children(tmp_path: Path) -> None:
    """A child that would write later never does: the whole group is killed."""
    pids = tmp_path / "pids"
    code = (
        "import os, time\n"
        "child = os.fork()\n"
        f"open({str(pids)!r}, 'a').write(f'{{os.getpid()}} ')\n"
        "time.sleep(60)"
    )
    with pytest.raises(Failed, match=r"try it: not done after 0\.5 s"):
        await _run(code, Limits(time_s=0.5))

    for pid in pids.read_text().split():
        assert _has_ended(int(pid))


async def test_endless_output_ends_at_the_limit() -> None:
    """The output is cut and refused; a program that just fills it is not."""
    with pytest.raises(InvalidInput, match="wrote more than 1 KiB"):
        await _run("while True: print('x' * 100, flush=True)", Limits(output_bytes=1024))

    assert len((await _run("print('x' * 1023)", Limits(output_bytes=1024))).stdout) == 1024


def test_the_reason_is_one_line() -> None:
    """The end of an ordinary message, and the beginning of a Go program's long one."""
    ordinary = programs.Result(code=1, stdout=b"", stderr="# Warning: old\nerror: no such file\n\n")
    crash = programs.Result(
        code=2, stdout=b"", stderr="x\nfatal error: out of memory\n\ngoroutine 1:\nmain()\n"
    )

    assert ordinary.reason == "error: no such file"
    assert crash.reason == "fatal error: out of memory"
    assert programs.Result(code=1, stdout=b"", stderr="").reason == "it said nothing"


async def test_memory_is_bounded() -> None:
    """What asks for more than its share does not get it."""
    result = await _run("x = bytearray(600 * 1024 * 1024)", Limits(memory_bytes=512 * 1024**2))

    assert result.code != 0
    assert "MemoryError" in result.stderr


def _has_ended(pid: int) -> bool:
    """True once it has; False if it still runs after five seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 5)[0])
    finally:
        os.close(process)
