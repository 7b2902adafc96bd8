"""GitHub's limits on how much one client may ask, as its documentation gives them."""

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
