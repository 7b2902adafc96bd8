"""Who has a slot, who waits, and who is next."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepreview.core.room import Guest, Standing, room

from .examples import NOW


def _guest(number: int, author: str, standing: Standing = "Waits", waited_s: int | None = 0) -> Guest:
    since = None if waited_s is None else NOW - dt.timedelta(seconds=waited_s)
    return Guest(key=("p", f"pr-{number}"), author=author, standing=standing, since=since)


@pytest.mark.parametrize(
    ("guests", "limit", "places"),
    [
        ([_guest(1, "ada"), _guest(2, "bob")], 0, [0, 0]),
        ([_guest(1, "ada", "Holds"), _guest(2, "bob")], 2, [0, 0]),
        ([_guest(1, "ada", "Holds"), _guest(2, "bob")], 1, [0, 1]),
        # One that has failed, or sleeps, holds nothing.
        ([_guest(1, "ada", "Neither"), _guest(2, "bob")], 1, [0, 0]),
        # Whoever waits longest is next.
        (
            [_guest(1, "ada", waited_s=1), _guest(2, "bob", waited_s=9), _guest(3, "cy", waited_s=None)],
            1,
            [1, 0, 2],
        ),
        # But nobody is served a second time before everybody was once.
        (
            [_guest(1, "ada", "Holds"), _guest(2, "ada", waited_s=9), _guest(3, "bob", waited_s=1)],
            2,
            [0, 1, 0],
        ),
        ([_guest(n, "ada", waited_s=9 - n) for n in range(3)] + [_guest(3, "bob")], 1, [0, 2, 3, 1]),
        # A limit that was lowered takes nothing away from who has it.
        ([_guest(1, "ada", "Holds"), _guest(2, "bob", "Holds"), _guest(3, "cy")], 1, [0, 0, 1]),
    ],
)
def test_places(guests: list[Guest], limit: int, places: list[int]) -> None:
    """Each row: who is there, how many may, and the place of each; 0 is a slot."""
    found = room(guests, limit)

    assert [found.place(each.key) for each in guests] == places


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["Holds", "Waits", "Neither"]), st.integers(0, 9)),
        max_size=12,
    ),
    st.integers(1, 6),
)
def test_slots_are_given_out_once_and_in_an_order_that_everybody_sees(
    told: list[tuple[str, Standing, int]], limit: int
) -> None:
    """Whoever asks, and in whatever order the guests are told: the same places, and never too many."""
    guests = [_guest(number, *each) for number, each in enumerate(told)]
    found, again = room(guests, limit), room(reversed(guests), limit)

    assert [found.place(each.key) for each in guests] == [again.place(each.key) for each in guests]
    holding = sum(each.standing == "Holds" for each in guests)
    served = [each for each in guests if each.standing == "Waits" and not found.place(each.key)]
    assert len(served) == min(max(limit - holding, 0), len(found.queue))
    waiting = sorted(found.place(key) for key in found.queue if found.place(key))
    assert waiting == list(range(1, len(waiting) + 1))
    # Nobody who waits has two less than somebody who was served now.
    has = Counter(each.author for each in guests if each.standing == "Holds")
    for each in served:
        has[each.author] += 1
    for each in guests:
        if found.place(each.key):
            assert all(has[each.author] >= has[other.author] - 1 for other in served)


def test_whoever_waits_is_told_why() -> None:
    """Their place, who holds the slots, and what frees one."""
    guests = [_guest(1, "ada", "Holds"), _guest(2, "bob"), _guest(3, "cy", waited_s=5)]
    told = room(guests, 1).told(("p", "pr-2"))

    assert told.startswith("place 2 of 2 in the queue: pr-1 hold 1 of 1 slots")
    assert "closes, sleeps or fails" in told
