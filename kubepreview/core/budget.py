"""How much may be asked of GitHub, and how soon: a bucket that fills with time. Every time is passed in."""

from __future__ import annotations


class Bucket:
    """Holds `most` at first and at most, and gains `per_second`: a minute's worth is never more than both."""

    def __init__(self, most: float, per_second: float, now: float) -> None:
        self._most, self._per_second = most, per_second
        self._left, self._at = most, now

    def take(self, now: float, count: int = 1) -> bool:
        """Take so many; False, and none is taken, if fewer are left."""
        self._fill(now)
        if self._left < count:
            return False
        self._left -= count
        return True

    def give_back(self, count: int) -> None:
        """So many were taken, and not used."""
        self._left = min(self._left + max(count, 0), self._most)

    def reserve(self, now: float, count: int = 1) -> float:
        """Take so many, whether they are there or not; after so many seconds they are: 0 for at once."""
        self._fill(now)
        self._left -= count
        return max(-self._left, 0.0) / self._per_second

    def _fill(self, now: float) -> None:
        self._left = min(self._left + (now - self._at) * self._per_second, self._most)
        self._at = now
