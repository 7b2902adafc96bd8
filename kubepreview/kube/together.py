"""Several things at once, as one: all end before it returns, and one error comes out as itself.

Not `asyncio.TaskGroup`, which before Python 3.13 may forget that it was cancelled, and may leave its caller
with a cancellation that nobody asked for: docs/decisions/0010-a-task-group-of-our-own.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class AsOne:
    """A block and its tasks. The first error ends all the others, and is raised once they have ended.

    A cancellation of the block is never lost: it comes out as such, whatever else went wrong.
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []
        self._error: BaseException | None = None
        self._is_block_over = self._is_interrupted = False

    async def __aenter__(self) -> Self:
        block = asyncio.current_task()
        if block is None:
            raise RuntimeError("as_one() is used by a task")
        self._block, self._cancelled_before = block, block.cancelling()
        return self

    def create_task(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin it; it has ended when the block has."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.append(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._error = self._error or error
        self._end_all()
        if not self._is_block_over and not self._is_interrupted:
            self._is_interrupted = True
            self._block.cancel()

    def _end_all(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_block_over = True
        if error is not None:
            self._end_all()
            if not isinstance(error, asyncio.CancelledError):
                self._error = self._error or error
        if self._is_interrupted:
            self._block.uncancel()
        await self._until_all_have_ended()
        for task in self._tasks:
            # Some may have ended in this very turn, and were not told of yet.
            self._error = self._error or (None if task.cancelled() else task.exception())
        if self._block.cancelling() > self._cancelled_before:
            raise asyncio.CancelledError from self._error
        if self._error is not None and self._error is not error:
            raise self._error from self._error.__cause__

    async def _until_all_have_ended(self) -> None:
        # Our own interruption, too, is to arrive here, if the block was over before it could.
        is_due = self._is_interrupted
        while is_due or any(not task.done() for task in self._tasks):
            is_due = False
            try:
                await asyncio.sleep(0)
                if pending := [task for task in self._tasks if not task.done()]:
                    await asyncio.wait(pending)
            except asyncio.CancelledError:
                self._end_all()


def as_one() -> AsOne:
    """A task group whose first error is raised as itself, so that callers need not know of groups."""
    return AsOne()


async def together(coroutines: Iterable[Coroutine[Any, Any, T]], *, at_once: int = 16) -> list[T]:
    """The results in order; the first error ends the others.

    `at_once` bounds how many run: a preview of a hundred objects must not fill the apiserver's queue.
    """
    room = asyncio.Semaphore(at_once)

    async def one(coroutine: Coroutine[Any, Any, T]) -> T:
        async with room:
            return await coroutine

    async with as_one() as group:
        tasks = [group.create_task(one(coroutine)) for coroutine in coroutines]
    return [task.result() for task in tasks]
