"""When to try again, and after how long. Pure but for the dice."""

from __future__ import annotations

import random

from msgspec import Struct


class Patience(Struct, frozen=True, kw_only=True):
    """How long a caller is willing to wait for one call."""

    # No attempt starts later than this after the first; the command line and the controller choose.
    retry_for_s: float = 10.0
    # One attempt, from the last byte sent to each byte received. The apiserver itself gives up at 60 s.
    attempt_s: float = 30.0
    connect_s: float = 5.0


class Backoff:
    """Growing pauses with full jitter, so that many clients of one restarted server do not march in step."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def next_s(self, at_least_s: float = 0.0) -> float:
        """The next pause; never less than what a server asked for."""
        ceiling = min(self._first_s * 2.0**self._failures, self._longest_s)
        self._failures = min(self._failures + 1, 30)
        return at_least_s + random.uniform(ceiling / 2, ceiling)  # noqa: S311 — jitter, not a secret

    def reset(self) -> None:
        """Begin small again: it worked."""
        self._failures = 0
