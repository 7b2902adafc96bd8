"""The cluster's time, from headers and a monotonic clock that the test turns."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pytest

from kubepreview.kube.clock import ClusterClock

_NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
_DAY_S = 86400.0


class _Turned:
    """A monotonic clock, and headers of a server whose clock is `ahead_s` of it."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.clock = ClusterClock(lambda: self.seconds)

    def hear(self, ahead_s: float = 0.0) -> None:
        server = _NOON + dt.timedelta(seconds=self.seconds - 1000 + ahead_s)
        self.clock.learn(format_datetime(server, usegmt=True))


def test_it_goes_on_between_answers() -> None:
    """Told once, it counts with the process's own clock."""
    turned = _Turned()
    turned.hear()
    turned.seconds += 90

    assert turned.clock.now() == _NOON + dt.timedelta(seconds=90)


def test_the_coarseness_of_a_header_does_not_move_it() -> None:
    """A header has whole seconds, and comes late: no time is told twice, and none is skipped."""
    turned = _Turned()
    turned.hear()
    for late_s in (0.4, 0.9, 1.4, 0.1):
        turned.seconds += 10
        turned.hear(-late_s)

    assert turned.clock.now() == _NOON + dt.timedelta(seconds=40)


def test_drift_is_followed() -> None:
    """A few seconds are somebody's clock being mended, and no reason to doubt."""
    turned = _Turned()
    turned.hear()
    turned.seconds += 3600
    turned.hear(5)

    assert turned.clock.now() == _NOON + dt.timedelta(seconds=3605)
    assert turned.clock.is_steady()


@pytest.mark.parametrize("jump_s", [8 * _DAY_S, -8 * _DAY_S])
def test_after_a_jump_it_is_not_steady_for_a_while(jump_s: float) -> None:
    """It follows, and says that nothing should be decided by it yet."""
    turned = _Turned()
    turned.hear()
    turned.seconds += 60
    turned.hear(jump_s)
    jumped = turned.clock.now(), turned.clock.is_steady()
    turned.seconds += 599
    turned.hear(jump_s)
    soon = turned.clock.is_steady()
    turned.seconds += 1

    assert jumped == (_NOON + dt.timedelta(seconds=60 + jump_s), False)
    assert (soon, turned.clock.is_steady()) == (False, True)


@pytest.mark.parametrize("header", ["", "soon", "Thu, 99 Jan 2026 12:00:00 GMT"])
def test_a_header_that_cannot_be_read_says_nothing(header: str) -> None:
    """An absent or broken Date changes nothing."""
    turned = _Turned()
    turned.hear()
    turned.clock.learn(header)

    assert turned.clock.now() == _NOON
