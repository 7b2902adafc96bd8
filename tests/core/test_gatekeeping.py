"""What becomes of a request at the gateway, and how often anything may be woken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepreview.core.agents import is_passive
from kubepreview.core.gatekeeping import STATE_PATH, Bucket, Head, Ration, Verdict, judge
from kubepreview.core.gateway import Sleeper

_ASLEEP = Sleeper(name="a", host="a.example.com")
_AWAKE = Sleeper(name="a", host="a.example.com", state="Awake", endpoints=("10.0.0.1:80",))
_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"


def _head(target: str = "/", method: str = "GET", **more: Any) -> Head:
    return Head(method=method, target=target, host="a.example.com", user_agent=_FIREFOX, **more)


@pytest.mark.parametrize(
    ("head", "sleeper", "verdict"),
    [
        (_head(), None, Verdict.UNKNOWN),
        (_head(STATE_PATH), _ASLEEP, Verdict.STATE),
        (_head(f"{STATE_PATH}?x"), _AWAKE, Verdict.STATE),
        (_head(), _AWAKE, Verdict.FORWARD),
        (_head(accept="text/html"), _AWAKE, Verdict.FORWARD),
        (_head(accept="text/html"), _ASLEEP, Verdict.PAGE),
        (_head(accept="text/html", fetch_mode="navigate"), _ASLEEP, Verdict.PAGE),
        # A script of a page waits for what it asked for.
        (_head(accept="text/html", fetch_mode="cors"), _ASLEEP, Verdict.HOLD),
        (_head(accept="text/html", method="POST"), _ASLEEP, Verdict.HOLD),
        (_head(accept="*/*"), _ASLEEP, Verdict.HOLD),
        (_head("http://b.example.com/"), _AWAKE, Verdict.BAD),
        (_head("a.example.com:443", "CONNECT"), _AWAKE, Verdict.BAD),
        (_head("*", "OPTIONS"), _AWAKE, Verdict.FORWARD),
    ],
)
def test_what_becomes_of_a_request(head: Head, sleeper: Sleeper | None, verdict: Verdict) -> None:
    """Each row: a head, what is known of its host, and what is done."""
    assert judge(head, sleeper) is verdict


@pytest.mark.parametrize(
    ("agent", "passive"),
    [
        (_FIREFOX, False),
        ("curl/8.14.1", False),
        ("python-httpx2/2.16", False),
        ("", False),
        ("kubepreview-probe/0.1.0", True),
        ("Mozilla/5.0 AppleWebKit/537.36 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", True),
        ("Twitterbot/1.0", True),
        ("facebookexternalhit/1.1", True),
        ("Blackbox Exporter/0.27.0", True),
        ("kube-probe/1.37", True),
        ("company-monitor/2", True),
    ],
)
def test_behind_whom_nobody_waits(agent: str, *, passive: bool) -> None:
    """People, their tools and what says nothing of itself are somebody; a project may name more."""
    assert is_passive(agent, ("Company-Monitor",)) is passive


@given(steps=st.lists(st.floats(0, 30), max_size=60), burst=st.integers(1, 5), rate=st.floats(1, 120))
def test_a_ration_is_kept_over_any_time(steps: list[float], burst: int, rate: float) -> None:
    """Never more than the burst and what the time has brought; whoever waits as long as told gets one."""
    bucket, now, taken = Bucket(Ration(burst=burst, per_minute=rate)), 1000.0, 0
    for step in steps:
        now += step
        if not bucket.wait_s(now):
            bucket.take(now)
            taken += 1
    assert taken <= burst + sum(steps) * rate / 60 + 1e-6

    now += bucket.wait_s(now) + 1e-6
    assert bucket.wait_s(now) < 1e-6
