"""Cutting a stream of chunks into lines."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator


async def split(chunks: AsyncIterator[bytes], *, with_rest: bool = False) -> AsyncGenerator[bytes, None]:
    """The non-empty lines, without their ends.

    What follows the last end of line is a line that was cut off: given only `with_rest`.
    """
    held: list[bytes] = []
    async for chunk in chunks:
        *done, rest = chunk.split(b"\n")
        if done:
            done[0] = b"".join([*held, done[0]])
            held = []
        held.append(rest)
        for line in done:
            if line:
                yield line
    if with_rest and (line := b"".join(held)):
        yield line
