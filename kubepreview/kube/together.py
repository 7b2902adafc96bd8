"""Several things at once, as one: all end before it returns, and one error comes out as itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def as_one() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first error is raised as itself, so that callers need not know of groups."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as several:
        raise several.exceptions[0] from several.exceptions[0].__cause__


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
