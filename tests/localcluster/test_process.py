"""Children: their output kept, their end accounted for, orphans collected, readiness awaited."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kubepreview.errors import Failed, NotReady
from kubepreview.localcluster import bootstrap, status
from kubepreview.localcluster.process import ChildExited, Reaper
from kubepreview.localcluster.services import Service, Step
from kubepreview.localcluster.status import ComponentStatus, NodeStatus
from kubepreview.localcluster.supervisor import Supervisor

_ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@contextmanager
def _reaper() -> Iterator[Reaper]:
    reaper = Reaper(_ENVIRONMENT)
    reaper.install()
    try:
        yield reaper
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)


async def test_a_child_that_ends_leaves_an_account(tmp_path: Path) -> None:
    """Its name, its exit code and its last lines, of this run only."""
    log = tmp_path / "child.log"
    log.write_text("of an earlier run\n")
    with _reaper() as reaper:
        child = reaper.spawn("child", ["sh", "-c", "echo one; echo two >&2; exit 7"], log)
        code = await child.exited

    assert code == 7
    assert child.account(code, 0.25) == "child exited with 7 after 0.2 s; its last lines:\n  one\n  two"


async def test_a_killed_child_is_told_by_signal(tmp_path: Path) -> None:
    """A signal is named, and silence is told as such."""
    with _reaper() as reaper:
        child = reaper.spawn("child", ["sh", "-c", "kill -9 $$"], tmp_path / "log")
        code = await child.exited

    assert child.account(code, 1) == "child was killed by SIGKILL after 1.0 s, and said nothing"


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error says which program could not be started."""
    reaper = Reaper(_ENVIRONMENT)  # it is not installed: there is no child to collect
    with pytest.raises(Failed, match=r"child: cannot start /no/such/program"):
        reaper.spawn("child", ["/no/such/program"], tmp_path / "log")


async def _ready(_child: object) -> str:
    return ""


async def _never(_child: object) -> str:
    return "not yet"


def _supervisor(reaper: Reaper, directory: Path) -> Supervisor:
    return Supervisor(reaper, directory, directory / "status.json")


async def test_an_early_exit_fails_the_start_by_name(tmp_path: Path) -> None:
    """A program that ends before it is ready ends the start, with its account and no time-out."""
    service = Service(name="etcd", argv=["sh", "-c", "echo bad flag; exit 2"], ready=_never)
    with _reaper() as reaper, pytest.raises(ExceptionGroup) as caught:
        await _supervisor(reaper, tmp_path).run([service], [])

    (error,) = caught.value.exceptions
    assert isinstance(error, ChildExited)
    assert error.message.startswith("etcd exited with 2 after")
    assert "bad flag" in error.message


async def test_a_step_that_fails_fails_the_start(tmp_path: Path) -> None:
    """A command of the start that does not succeed is named like a program."""
    step = Step(name="image x", needs=(), run=["sh", "-c", "echo no such file; exit 3"])
    with _reaper() as reaper, pytest.raises(ExceptionGroup) as caught:
        await _supervisor(reaper, tmp_path).run([], [step])

    assert "image x exited with 3" in str(caught.value.exceptions[0])


async def test_what_is_needed_comes_first(tmp_path: Path) -> None:
    """A step runs when all it needs is ready, and the node is ready when all is."""
    order: list[str] = []

    def step(name: str, *needs: str) -> Step:
        async def run() -> None:
            order.append(name)

        return Step(name=name, needs=needs, run=run)

    with _reaper() as reaper:
        supervisor = _supervisor(reaper, tmp_path)
        await supervisor.run([], [step("c", "b"), step("b", "a"), step("a")])

    assert order == ["a", "b", "c"]
    written = status.read(tmp_path / "status.json")
    assert written is not None
    assert written.settled()


async def test_a_killed_program_is_started_again(tmp_path: Path) -> None:
    """After its first readiness a program that ends is restarted, and the status says how it ended."""
    once = tmp_path / "once"
    script = f"test -e {once} && exec sleep 60; touch {once}; kill -9 $$"
    service = Service(name="flaky", argv=["sh", "-c", script], ready=_ready)
    with _reaper() as reaper:
        supervisor = _supervisor(reaper, tmp_path)
        supervisor.status.components["flaky"] = ComponentStatus()
        running = asyncio.ensure_future(supervisor.run([service], []))

        async def restarted() -> str:
            seen = supervisor.status.components["flaky"]
            return "" if seen.restarts == 1 and seen.state == "ready" else f"{seen}"

        await bootstrap.wait_until(restarted, what="flaky restarted", timeout_s=10)
        component = supervisor.status.components["flaky"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        os.kill(component.pid, signal.SIGKILL)

        async def collected() -> str:
            return f"{component.pid} is there" if _exists(component.pid) else ""

        await bootstrap.wait_until(collected, what="the last run collected", timeout_s=10)

    assert "was killed by SIGKILL" in component.last_exit


def _exists(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()


async def test_a_wait_that_ends_says_what_it_saw() -> None:
    """The error names what was awaited, how long, how often it was looked for, and the last reason."""
    with pytest.raises(NotReady, match=r"^x: not seen in 0 s \(\d+ looks\); last: not yet$"):
        await bootstrap.wait_until(lambda: _never(None), what="x", timeout_s=0)


def test_a_status_survives_its_file(tmp_path: Path) -> None:
    """What the node writes is what the host reads; a node that has not spoken has no status."""
    file = tmp_path / "status.json"
    assert status.read(file) is None
    spoken = NodeStatus(state="ready", components={"etcd": ComponentStatus(state="ready", pid=7)})

    status.write(file, spoken)

    assert status.read(file) == spoken
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("state", "component", "settled"),
    [
        ("ready", "ready", True),
        ("ready", "done", True),
        ("ready", "restarting", False),
        ("ready", "starting", False),
        ("starting", "ready", False),
        ("failed", "ready", False),
    ],
)
def test_a_node_is_settled_when_all_of_it_is(state: str, component: str, *, settled: bool) -> None:
    """A program that is being restarted unsettles the whole."""
    node = NodeStatus(state=state, components={"etcd": ComponentStatus(state=component)})

    assert node.settled() is settled
