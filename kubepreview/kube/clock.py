"""The cluster's time: the apiserver's clock, as its answers tell it, carried on by this process's own.

The clocks of nodes and of people's machines differ; what is decided by a time is decided by this one.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

# A Date header has whole seconds, and is a little old when it is read.
_COARSE_S: Final = 2.0
# Apiservers that differ by more would break leases and tokens first.
_JUMP_S: Final = 60.0
# So long after a jump nothing is decided by the clock alone: whoever mends a clock does it twice.
_STEADY_AFTER_S: Final = 600.0


class ClusterClock:
    """Tells the apiserver's time between its answers. `monotonic` is in seconds, and never goes back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        # Seconds from the monotonic clock's zero to the epoch; nan before the first answer.
        self._offset_s = math.nan
        self._jumped_at = -math.inf

    def learn(self, date: str) -> None:
        """Take the time from an answer's Date header; one that cannot be read says nothing."""
        try:
            told = parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            return
        at = self._monotonic()
        change_s = told - at - self._offset_s
        if abs(change_s) > _JUMP_S:
            self._jumped_at = at
        if not abs(change_s) <= _COARSE_S:
            self._offset_s = told - at

    def now(self) -> dt.datetime:
        """The cluster's time; nothing may ask before the apiserver has answered once."""
        if math.isnan(self._offset_s):
            raise AssertionError("the apiserver has not answered yet, so nothing is known of its time")
        return dt.datetime.fromtimestamp(self._monotonic() + self._offset_s, dt.UTC)

    def is_steady(self) -> bool:
        """Whether the apiserver's clock went on as ours did, for a while."""
        return self._monotonic() - self._jumped_at >= _STEADY_AFTER_S
