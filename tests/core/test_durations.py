"""Durations as people write them."""

from __future__ import annotations

import pytest

from kubepreview.core import durations


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("1h", 3600), ("2d", 172800)])
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    """Seconds, minutes, hours and days."""
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "-5m", "1.5h", "5 m", "\u0665m", "5w"])
def test_anything_else_is_no_duration(text: str) -> None:
    """A wrong duration says how a right one is written."""
    with pytest.raises(ValueError, match="write for example 90s, 5m or 1h"):
        durations.seconds(text)
