"""Durations as people write them, on the command line and in our objects."""

from __future__ import annotations

from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """``90s``, ``5m``, ``1h`` or ``2d`` in seconds; ValueError for anything else."""
    number, unit = text[:-1], text[-1:]
    if unit not in _SECONDS or not (number.isascii() and number.isdigit()) or not int(number):
        raise ValueError(f"{text!r} is not a duration; write for example 90s, 5m or 1h")
    return int(number) * _SECONDS[unit]
