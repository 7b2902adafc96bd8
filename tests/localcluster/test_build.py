"""Compiling: what is counted before, what is told on the way, and how a failure reads. With a real Go."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from kubepreview.errors import Failed, NotReady
from kubepreview.localcluster import command, toolchain
from kubepreview.localcluster.build import Compiler, Listed, Order, to_do
from kubepreview.localcluster.progress import Progress

# Go's own packages are compiled once for all tests, and once for all runs of them.
CACHE = Path("~/.cache/kubepreview").expanduser()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A module of two programs, one of which does not compile."""
    source = tmp_path / "source"
    for name, body in (("good", 'println("good")'), ("bad", "undefined()")):
        (source / name).mkdir(parents=True)
        (source / name / "main.go").write_text(f"package main\n\nfunc main() {{ {body} }}\n")
    # Unique, so that no earlier run has left it in the cache.
    (source / "go.mod").write_text(f"module example.org/t{os.getpid()}{id(source)}\n\ngo 1.26\n")
    return source


async def _compiler(source: Path, seen: list[Progress]) -> Compiler:
    go = await toolchain.find(CACHE) or await toolchain.install(CACHE, seen.append)
    go_cache = CACHE / "go-build"
    return Compiler(go=go, go_cache=go_cache, source=source, variables={}, lock=0, report=seen.append)


async def test_a_program_is_compiled_and_every_package_of_it_counted(source: Path, tmp_path: Path) -> None:
    """It runs; the last look counts all; a second build finds nothing to do."""
    seen: list[Progress] = []
    compiler = await _compiler(source, seen)
    orders = [Order(packages={"good": "./good"}, cgo=False)]
    await compiler.build(orders, tmp_path)

    ended = await command.run([tmp_path / "good"], timeout_s=10)
    assert (ended.code, ended.last_lines) == (0, ("good",))
    assert seen[-1].program == "good"
    assert seen[-1].packages_done == seen[-1].packages_total
    seen.clear()
    await compiler.build(orders, tmp_path)
    assert seen == []


async def test_a_failing_program_is_named_with_what_the_compiler_said(source: Path, tmp_path: Path) -> None:
    """The program, the exit code, and the place in the source."""
    compiler = await _compiler(source, [])

    with pytest.raises(Failed, match=r"compiling bad: go build ended with exit code 1") as raised:
        await compiler.build([Order(packages={"good": "./good", "bad": "./bad"}, cgo=False)], tmp_path)

    assert "bad/main.go:3:15: undefined: undefined" in raised.value.message


def test_a_package_belongs_to_the_first_program_and_linking_weighs_too() -> None:
    """What is compiled already is not counted; what is shared is counted once."""
    order = Order(packages={"one": "./cmd/one", "two": "./cmd/two"}, cgo=True)
    nothing: frozenset[str] = frozenset()
    packages = (
        Listed("fmt", to_compile=False, source_bytes=1000, dependencies=0, needs=nothing),
        Listed("shared", to_compile=True, source_bytes=400, dependencies=1, needs=nothing),
        Listed(
            "org/cmd/one",
            to_compile=True,
            source_bytes=10,
            dependencies=2,
            needs=frozenset({"fmt", "shared"}),
        ),
        Listed("org/cmd/two", to_compile=True, source_bytes=10, dependencies=1, needs=frozenset({"shared"})),
    )

    work = {package.name: package for package in to_do(order, packages)}

    assert {name: package.program for name, package in work.items()} == {
        "cgo shared": "one",
        "cgo org/cmd/one": "one",
        "cgo org/cmd/two": "two",
    }
    assert work["cgo org/cmd/one"].weight > work["cgo org/cmd/two"].weight > work["cgo shared"].weight > 400


async def test_a_program_that_is_given_up_leaves_no_process(tmp_path: Path) -> None:
    """The whole group is ended: what it started, too, when the caller is cancelled."""
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; echo started >&2; wait"
    started = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(
            command.run(["sh", "-c", script], timeout_s=60, hear=lambda _line: started.set())
        )
        await started.wait()
        task.cancel()

    for pid in pids.read_text().split():
        assert not await _is_running(int(pid))


async def test_a_program_that_takes_too_long_is_told_with_its_last_words() -> None:
    """The deadline passed, and the message says what was last heard."""
    with pytest.raises(NotReady, match=r"sh was not done after 0 s; last it said: still at it"):
        await command.run(["sh", "-c", "echo still at it >&2; sleep 60"], timeout_s=0.3)


async def test_a_program_that_is_not_there_is_named() -> None:
    """Not a traceback of the operating system's."""
    with pytest.raises(Failed, match=r"starting kubepreview-no-such-program: No such file"):
        await command.run(["kubepreview-no-such-program"], timeout_s=1)


async def _is_running(pid: int) -> bool:
    """Whether the process runs, allowing the kernel the moment that a killed one takes to go."""
    for _ in range(100):
        if _state(pid) in {"", "Z"}:
            return False
        await asyncio.sleep(0.02)
    return True


def _state(pid: int) -> str:
    stat = Path(f"/proc/{pid}/stat")
    return stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else ""
