"""Waiting ends, and says what it saw."""

from __future__ import annotations

import asyncio

import pytest

from kubepreview.errors import NotReady, Unreachable
from kubepreview.kube.wait import NotYet, wait_until


async def test_it_returns_what_was_seen() -> None:
    """The first look that finds something ends the wait."""
    answers = iter([None, None, "found"])

    async def look() -> str | None:
        return next(answers)

    assert await wait_until(look, what="a thing", timeout_s=5, pause_s=0.001) == "found"


async def test_it_gives_an_account() -> None:
    """After the deadline the error says what was awaited, for how long, and what was seen last."""

    async def look() -> None:
        raise NotYet("1 of 2 replicas are ready")

    with pytest.raises(
        NotReady, match=r"web ready: not seen in 0.02 s \(\d+ looks?\); last seen: 1 of 2 rep"
    ):
        await wait_until(look, what="web ready", timeout_s=0.02, pause_s=0.001)


async def test_a_server_that_does_not_answer_has_shown_nothing() -> None:
    """No answer does not end a wait; it is what was seen last when the wait ends."""
    answers = iter([Unreachable("connection refused"), None])

    async def look() -> bool:
        if (answer := next(answers)) is not None:
            raise answer
        return True

    assert await wait_until(look, what="a thing", timeout_s=5, pause_s=0.001)


async def test_a_look_that_hangs_ends_with_the_wait() -> None:
    """The deadline holds also while a look is under way."""

    async def look() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NotReady, match=r"a thing: not seen in 0\.01 s"):
        await wait_until(look, what="a thing", timeout_s=0.01)


async def test_a_failure_is_not_waited_out() -> None:
    """What is neither a 'not yet' nor silence ends the wait at once."""

    async def look() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await wait_until(look, what="a thing", timeout_s=60)
