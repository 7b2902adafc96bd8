"""Runs a command whose two streams are ours, and keeps the end of what it says."""

from __future__ import annotations

import asyncio
import codecs
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from msgspec import Struct

from kubepreview.cli.streams import Streams
from kubepreview.errors import InvalidInput

_STOP_S = 10.0
_CHUNK_BYTES = 4096
_TAIL_CHARACTERS = 16_000


class Ran(Struct, frozen=True, kw_only=True):
    """Its exit code, and the end of what it said; empty where a terminal was its own."""

    code: int
    tail: str = ""


async def run(command: Sequence[str], directory: Path, environ: Mapping[str, str], streams: Streams) -> Ran:
    """Run it to its end. What it says is passed on as it comes; an interrupt ends it before us.

    A terminal stays one, which shows colours and progress, and then nothing of it is kept.
    """
    is_terminal = streams.is_out_terminal or streams.err.isatty()
    pipe = None if is_terminal else asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=directory, env=environ, stdout=pipe, stderr=pipe
        )
    except OSError as error:
        shown = " ".join(command)
        raise InvalidInput(f"the test `{shown}` could not be started: {error.strerror}") from error
    tail = _Tail()
    try:
        async with asyncio.TaskGroup() as group:
            for source, sink in ((process.stdout, streams.out), (process.stderr, streams.err)):
                if source is not None:
                    group.create_task(_pass_on(source, sink, tail))
            code = await process.wait()
    except asyncio.CancelledError:
        await _stop(process)
        raise
    return Ran(code=code, tail=str(tail))


class _Tail:
    """The last of both streams, in the order in which it came."""

    def __init__(self) -> None:
        self._parts: deque[str] = deque()
        self._length = 0

    def add(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        while self._length - len(self._parts[0]) >= _TAIL_CHARACTERS:
            self._length -= len(self._parts.popleft())

    def __str__(self) -> str:
        return "".join(self._parts)[-_TAIL_CHARACTERS:]


async def _pass_on(source: asyncio.StreamReader, sink: TextIO, tail: _Tail) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while data := await source.read(_CHUNK_BYTES):
        text = decoder.decode(data)
        tail.add(text)
        sink.write(text)
        sink.flush()


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
