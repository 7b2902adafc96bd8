"""Several things at once: one error as itself, no cancellation lost, and none that nobody asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kubepreview.errors import Failed
from kubepreview.kube.together import as_one, together

_SOON_S = 0.01
_TURNS = 5


async def _fail(when: asyncio.Event | None = None) -> None:
    if when:
        await when.wait()
    raise Failed("the connection is gone")


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _nothing() -> None:
    return


async def _turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def _beside_failing(block: Callable[[], Awaitable[None]]) -> None:
    async with as_one() as group:
        group.create_task(_fail())
        await block()


async def test_the_first_error_comes_out_as_itself_and_the_others_end() -> None:
    """Not as a group."""
    with pytest.raises(Failed, match="connection"):
        await together([_fail(), _for_ever()])


async def test_an_error_of_the_block_ends_its_tasks() -> None:
    """And comes out as itself."""
    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await _for_ever()
        finally:
            ended.set()

    async def break_beside_it() -> None:
        async with as_one() as group:
            group.create_task(wait())
            await _turns()
            raise Failed("of the block")

    with pytest.raises(Failed, match="of the block"):
        await break_beside_it()
    assert ended.is_set()


@pytest.mark.parametrize("block", [_for_ever, _turns, _nothing])
async def test_an_error_interrupts_the_block_and_nothing_else(block: Callable[[], Awaitable[None]]) -> None:
    """What the block waits for is not awaited any more; whoever goes on afterwards is not cancelled.

    A time-out around it is still told as a time-out.
    """

    async def go_on_afterwards() -> None:
        async with asyncio.timeout(_SOON_S):
            with pytest.raises(Failed, match="connection"):
                await _beside_failing(block)
            await _turns()
            await _for_ever()

    with pytest.raises(TimeoutError):
        await go_on_afterwards()


@pytest.mark.parametrize("error_is_first", [False, True])
async def test_a_cancellation_is_not_lost_to_an_error_of_the_same_moment(*, error_is_first: bool) -> None:
    """A loop that bears errors ends when it is cancelled, also if a request of its fails just then."""
    breaks = asyncio.Event()

    async def work() -> None:
        while True:
            try:
                async with as_one() as group:
                    group.create_task(_fail(breaks))
            except Failed:
                breaks.clear()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        working = group.create_task(work())
        await _turns()
        breaks.set()
        if error_is_first:
            await asyncio.sleep(0)
        working.cancel()

    assert working.cancelled()
