"""Waiting for a state to be seen, with a deadline and an account of what was seen instead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kubepreview.errors import NotReady, Unreachable

T = TypeVar("T")

_PAUSE_GROWTH = 1.5
_LONGEST_PAUSE_S = 1.0


class NotYet(NotReady):
    """Raised by a look to say what it saw: ``NotYet("1 of 2 replicas are ready")``."""


async def wait_until(
    look: Callable[[], Awaitable[T | None]], *, what: str, timeout_s: float, pause_s: float = 0.05
) -> T:
    """Look until a look returns something, and return it; NotReady after `timeout_s`.

    A look that is not satisfied returns None or raises NotYet. A server that does not answer has shown
    nothing: Unreachable is remembered as the last thing seen, and the wait goes on.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    looks = 0
    seen: NotYet | Unreachable | None = None
    while True:
        looks += 1
        try:
            async with asyncio.timeout_at(deadline):
                if (found := await look()) is not None:
                    return found
        except (NotYet, Unreachable) as error:
            seen = error
        except TimeoutError as error:
            if loop.time() < deadline:
                raise
            raise _not_seen(what, timeout_s, looks, seen) from error
        if loop.time() + pause_s >= deadline:
            raise _not_seen(what, timeout_s, looks, seen) from seen
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * _PAUSE_GROWTH, _LONGEST_PAUSE_S)


def _not_seen(what: str, timeout_s: float, looks: int, seen: Exception | None) -> NotReady:
    account = f"{what}: not seen in {timeout_s:g} s ({looks} {'look' if looks == 1 else 'looks'})"
    return NotReady(f"{account}; last seen: {seen}" if seen else account)
