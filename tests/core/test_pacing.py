"""When a preview is looked at again: soon while something is on its way, rarely when all is well."""

from __future__ import annotations

import datetime as dt

import pytest

from kubepreview.core import pacing

from .examples import NOW


def _ago(seconds: float) -> dt.datetime:
    return NOW - dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("since", "is_over", "seconds"),
    [
        (None, False, 0.2),
        (_ago(0), False, 0.2),
        (_ago(30), False, 3.0),
        (_ago(3600), False, 10.0),
        (_ago(3600), True, 3600.0),
    ],
)
def test_the_longer_a_close_lasts_the_rarer(
    since: dt.datetime | None, seconds: float, *, is_over: bool
) -> None:
    """And once an hour when there is nothing to be done any more."""
    assert pacing.of_closed(since, NOW, is_over=is_over) == seconds


@pytest.mark.parametrize(
    ("due", "seconds"),
    [(None, 45.0), (NOW + dt.timedelta(seconds=9), 9.0), (NOW + dt.timedelta(hours=1), 45.0), (_ago(9), 1.0)],
)
def test_what_is_due_is_not_missed_and_not_waited_for_in_a_hurry(
    due: dt.datetime | None, seconds: float
) -> None:
    """Never sooner than in a second."""
    assert pacing.until(due, NOW, 45.0) == seconds
