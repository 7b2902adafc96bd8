"""GitHub's limits on how much one client may ask, as its documentation gives them.

The secondary ones keep it from asking too much at once, the primary one from asking all day.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

# "No more than 80 content-generating requests per minute and no more than 500 per hour."
_WRITES: Final = ((60.0, 80), (3600.0, 500))
# "No more than 900 points per minute": 1 for a read, 5 for a write.
_POINTS: Final = (60.0, 900)
_READ_POINTS, _WRITE_POINTS = 1, 5
RETRY_AFTER_S: Final = 60
# "You can make up to 5,000 requests per hour"; and a conditional request that is answered by 304 is not one.
_AN_HOURS: Final = 5000
_HOUR_S: Final = 3600


@dataclass
class Limits:
    """What was asked lately. `hits`: how often somebody was told to stop."""

    now: Callable[[], float] = time.monotonic
    hits: int = 0
    _writes: deque[float] = field(default_factory=deque)
    _points: deque[tuple[float, int]] = field(default_factory=deque)

    def is_over(self, method: str) -> bool:
        """Count one more request; whether it is one too many."""
        now = self.now()
        is_write = method != "GET"
        self._points.append((now, _WRITE_POINTS if is_write else _READ_POINTS))
        if is_write:
            self._writes.append(now)
        over = any(sum(now - at < period_s for at in self._writes) > most for period_s, most in _WRITES) or (
            sum(points for at, points in self._points if now - at < _POINTS[0]) > _POINTS[1]
        )
        while self._points and now - self._points[0][0] >= _POINTS[0]:
            self._points.popleft()
        self.hits += over
        return over


@dataclass
class Allowance:
    """What each account may still ask within its hour, in Unix seconds. `an_hours`: how often."""

    an_hours: int = _AN_HOURS
    _since: dict[str, tuple[float, int]] = field(default_factory=dict)

    def headers(self, login: str, now: float) -> dict[str, str]:
        """What stands in every answer to it."""
        began, spent = self._hour(login, now)
        return {
            "X-RateLimit-Limit": str(self.an_hours),
            "X-RateLimit-Remaining": str(self.an_hours - spent),
            "X-RateLimit-Reset": str(int(began) + _HOUR_S),
        }

    def is_spent(self, login: str, now: float) -> bool:
        """Whether there is nothing left."""
        return self._hour(login, now)[1] >= self.an_hours

    def spend(self, login: str, now: float) -> None:
        """It was answered once more."""
        began, spent = self._hour(login, now)
        self._since[login] = began, spent + 1

    def _hour(self, login: str, now: float) -> tuple[float, int]:
        began, spent = self._since.get(login, (now, 0))
        return (began, spent) if now < int(began) + _HOUR_S else (now, 0)
