"""A preview ends when nobody has used it for long, and never without a word before."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepreview.core.lifecycle import Lifespan, lifespan
from kubepreview.core.model import Preview
from kubepreview.core.wire import Object

from .examples import NOW, preview, project

_DAY = dt.timedelta(days=1)
_HOUR = dt.timedelta(hours=1)


def _wire(time: dt.datetime) -> str:
    return str(msgspec.to_builtins(time))


def _known(active: dt.datetime, *, warned: dt.datetime | None = None, **status: Any) -> Object:
    """The status of a preview that was looked at after its last change."""
    told: Object = {"type": "Expiring", "status": "True" if warned else "False", "reason": "x"}
    told["lastTransitionTime"] = _wire(warned or active)
    activity = {"at": _wire(active), "kind": "Change"}
    return {"observedGeneration": 1, "activity": activity, "conditions": [told], **status}


def _life(of: Preview, now: dt.datetime, time_to_live: str = "7d") -> Lifespan:
    return lifespan(of, project(timeToLive=time_to_live).spec, None, now)


def test_a_new_preview_lives_for_the_time_to_live() -> None:
    """What was never looked at has just been declared."""
    life = _life(preview(), NOW)

    assert (life.activity.kind, life.activity.at, life.expires_at) == ("Change", NOW, NOW + 7 * _DAY)
    assert (life.warned_at, life.is_over(NOW)) == (None, False)


def test_a_push_is_activity() -> None:
    """A later generation than the one that was looked at is somebody's doing, at the time it is seen."""
    of = preview(status={**_known(NOW - 6 * _DAY), "observedGeneration": 0})

    assert _life(of, NOW).expires_at == NOW + 7 * _DAY


@pytest.mark.parametrize(
    ("time_to_live", "idle", "warned"),
    [("7d", 6 * _DAY, True), ("7d", 6 * _DAY - _HOUR, False), ("4h", 2 * _HOUR, True), ("4h", _HOUR, False)],
)
def test_the_warning_comes_a_day_before_or_at_half_time(
    time_to_live: str, idle: dt.timedelta, *, warned: bool
) -> None:
    """A day before the end; where a preview lives shorter than two days, at half of it."""
    life = _life(preview(status=_known(NOW - idle)), NOW, time_to_live)

    assert (life.warned_at is not None) is warned


def test_it_is_over_when_the_warning_has_stood_for_its_time() -> None:
    """Seven days without anybody, a day of them warned."""
    of = preview(status=_known(NOW - 7 * _DAY, warned=NOW - _DAY))

    assert _life(of, NOW - dt.timedelta(seconds=1)).is_over(NOW - dt.timedelta(seconds=1)) is False
    assert _life(of, NOW).is_over(NOW) is True


def test_nothing_ends_without_a_word_before() -> None:
    """A controller that was away for a month warns first, and waits as long as it always does."""
    life = _life(preview(status=_known(NOW - 30 * _DAY)), NOW)

    assert (life.warned_at, life.expires_at, life.is_over(NOW)) == (NOW, NOW + _DAY, False)


def test_a_clock_that_jumped_and_was_set_back_leaves_no_trace() -> None:
    """What was warned, or used, at a time that lies ahead was so by a clock that was wrong."""
    ahead = NOW + 30 * _DAY
    life = _life(preview(status=_known(ahead, warned=ahead)), NOW)

    assert (life.activity.at, life.expires_at, life.warned_at) == (NOW, NOW + 7 * _DAY, None)


def test_what_is_kept_does_not_expire() -> None:
    """However long nobody has used it, and without a warning."""
    of = preview(status=_known(NOW - 99 * _DAY, warned=NOW - 9 * _DAY), lifetime={"keep": True})
    life = _life(of, NOW)

    assert (life.expires_at, life.warned_at, life.is_over(NOW)) == (None, None, False)


_WISH = {"extension": {"id": "w-1", "duration": "3d"}}


def test_an_extension_moves_the_end_and_is_activity() -> None:
    """Three days later than it would have ended, and the warning is taken back."""
    before = _known(NOW - 7 * _DAY + _HOUR, warned=NOW - _DAY, expiresAt=_wire(NOW + _HOUR))
    life = _life(preview(status=before, lifetime=_WISH), NOW, "2d")

    assert life.extension is not None
    assert (life.extension.until, life.expires_at) == (NOW + _HOUR + 3 * _DAY, NOW + _HOUR + 3 * _DAY)
    assert (life.activity.kind, life.warned_at) == ("Extension", None)


def test_an_extension_is_granted_once() -> None:
    """The wish stays in the spec; it is not granted again on every visit."""
    granted = {"id": "w-1", "until": _wire(NOW + 3 * _DAY)}
    life = _life(preview(status=_known(NOW - _HOUR, extension=granted), lifetime=_WISH), NOW, "1d")

    assert (life.activity.at, life.expires_at) == (NOW - _HOUR, NOW + 3 * _DAY)


@given(
    st.lists(st.integers(-40 * 24, 40 * 24), min_size=1, max_size=30),
    st.sampled_from(["2h", "1d", "3d", "7d"]),
)
def test_whatever_the_clock_does_the_warning_stands_first(hours: list[int], time_to_live: str) -> None:
    """A clock may jump to and fro: the end comes only after a visit that warned, at least its time before."""
    status: Object = {}
    told_at: dt.datetime | None = None
    for hour in hours:
        now = NOW + dt.timedelta(hours=hour)
        life = _life(preview(status=status), now, time_to_live)
        if life.is_over(now):
            assert told_at is not None
            assert now - told_at >= life.warning
            return
        told_at = life.warned_at
        status = _known(life.activity.at, warned=life.warned_at)


def test_the_next_look_is_at_the_warning_or_at_the_end() -> None:
    """No sooner than asked for, and no later than something is due."""
    fresh, warned = _life(preview(), NOW, "2h"), _life(preview(status=_known(NOW - _HOUR)), NOW, "2h")
    kept = _life(preview(lifetime={"keep": True}), NOW)

    assert fresh.look_again_after_s(9999, NOW) == 3600
    assert fresh.look_again_after_s(60, NOW) == 60
    assert warned.look_again_after_s(9999, NOW) == 3600
    assert kept.look_again_after_s(60, NOW) == 60


def test_a_visit_is_activity_and_none_of_the_future() -> None:
    """The log's clock may run ahead of the cluster's; a visit that is known already is no news."""
    before = preview(status=_known(NOW - dt.timedelta(hours=2)))
    ahead = NOW + dt.timedelta(minutes=5)

    for visited_at, expected in ((NOW - dt.timedelta(hours=1), NOW - dt.timedelta(hours=1)), (ahead, NOW)):
        life = lifespan(before, project().spec, visited_at, NOW)
        assert (life.activity.kind, life.activity.at) == ("Visit", expected)
    old = lifespan(before, project().spec, NOW - dt.timedelta(hours=3), NOW)
    assert old.activity.at == NOW - dt.timedelta(hours=2)
