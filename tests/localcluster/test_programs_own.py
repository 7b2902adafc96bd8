"""The two programs of our own: publish, which forwards ports, and pause, which holds a pod."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from kubepreview.localcluster import toolchain
from kubepreview.localcluster.build import Compiler, Order

# What a build of all programs has compiled is taken from there.
CACHE = Path("~/.cache/kubepreview").expanduser()
DEADLINE_S = 10


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both, compiled as they are for a node."""
    into = tmp_path_factory.mktemp("bin")
    asyncio.run(_compile(into))
    return into


async def _compile(into: Path) -> None:
    go = await toolchain.find(CACHE) or await toolchain.install(CACHE, lambda _progress: None)
    compiler = Compiler(
        go=go,
        go_cache=CACHE / "go-build",
        source=toolchain.SOURCE,
        variables={},
        lock=0,
        report=lambda _progress: None,
    )
    await compiler.build(
        [Order(packages={"publish": "./cmd/publish", "pause": "./cmd/pause"}, cgo=False)], into
    )


@contextmanager
def _running(argv: list[str | Path]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(argv, text=True, stdout=subprocess.PIPE) as process:  # noqa: S603 - of ours
        try:
            yield process
        finally:
            process.kill()


@asynccontextmanager
async def _published(programs: Path, target: int) -> AsyncIterator[int]:
    """A port that publish forwards to `target`."""
    port = _free_port()
    with _running([programs / "publish", f"127.0.0.1:{port}=127.0.0.1:{target}"]) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
        yield port


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def test_publish_passes_on_the_end_of_one_direction_and_keeps_the_other(programs: Path) -> None:
    """A client that has sent all and says so still gets the whole answer: 8 MiB, to the last byte."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read())[::-1])
        writer.write_eof()
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    question = os.urandom(8 * 1024 * 1024)
    async with (
        asyncio.timeout(DEADLINE_S),
        server,
        _published(programs, server.sockets[0].getsockname()[1]) as port,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(question)
        writer.write_eof()
        assert await reader.read() == question[::-1]
        writer.close()
        await writer.wait_closed()


async def test_publish_resets_when_the_target_does_not_answer(programs: Path) -> None:
    """A node that is gone is seen as that, not as a server that says nothing."""
    async with asyncio.timeout(DEADLINE_S), _published(programs, _free_port()) as port:
        with pytest.raises(ConnectionResetError):
            await _read_all(port)


async def _read_all(port: int) -> bytes:
    # A reset may come before the client knows that it is connected.
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await reader.read()
    finally:
        writer.close()


def test_publish_names_the_port_that_somebody_else_has(programs: Path) -> None:
    """It listens on all or on none, and says on which it could not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = f"127.0.0.1:{server.getsockname()[1]}=127.0.0.1:1"
        ended = subprocess.run(  # noqa: S603 - a program of ours
            [programs / "publish", taken], capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )

    assert ended.returncode == 1
    assert taken in ended.stderr
    assert "address already in use" in ended.stderr


async def test_publish_ends_with_its_parent(programs: Path) -> None:
    """A parent that is killed without a word takes publish with it, and the port is free again."""
    port = _free_port()
    script = f"{programs / 'publish'} 127.0.0.1:{port}=127.0.0.1:1 & wait"
    with _running(["sh", "-c", script]) as parent:
        assert parent.stdout is not None
        assert await asyncio.to_thread(parent.stdout.readline) == "ready\n"
        parent.kill()
        # The pipe's other end closes with the last process that has it.
        async with asyncio.timeout(DEADLINE_S):
            assert await asyncio.to_thread(parent.stdout.read) == ""
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_pause_reaps_the_orphans_of_its_pod_and_ends_when_asked(programs: Path) -> None:
    """As the first process of a PID namespace it inherits orphans; SIGTERM ends it with 0."""
    # The shell becomes pause, and the children of its ended child become children of pause.
    script = f"(sleep 0.2 & sleep 0.2 &); exec {programs / 'pause'}"
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    with _running([*unshare, "sh", "-c", script]) as outer:
        _wait_until(lambda: "pause" in _children(outer.pid).values())
        (pause,) = _children(outer.pid)
        _wait_until(lambda: not _children(pause))
        os.kill(pause, signal.SIGTERM)
        assert outer.wait(DEADLINE_S) == 0


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _children(pid: int) -> dict[int, str]:
    """The names of a process's children, the dead that nobody has reaped among them."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child): Path(f"/proc/{child}/comm").read_text().strip() for child in children}
