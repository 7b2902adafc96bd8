"""How much may go at once, what is held otherwise, and that a release is for what was shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepreview.core import brake
from kubepreview.core.brake import Brake, Held

_IDS = st.frozensets(st.sampled_from("abcdefghijklmnop"))


@pytest.mark.parametrize(
    ("count", "total", "may"), [(3, 3, True), (4, 4, False), (4, 19, False), (4, 20, True), (0, 0, True)]
)
def test_three_or_a_fifth_may_go(count: int, total: int, *, may: bool) -> None:
    """The larger of both."""
    assert brake.may_delete(count, total) is may


@given(_IDS, _IDS, st.integers(0, 60), st.integers(0, 10))
def test_no_more_goes_than_few_and_what_was_released(
    going: frozenset[str], released: frozenset[str], total: int, already: int
) -> None:
    """And what was released always goes, however much else is held."""
    through = brake.let_through(going, released, total, already)

    assert through <= going
    assert through >= going & released
    rest = through - released
    assert not rest or brake.may_delete(len(rest) + already, total + already)


def test_what_comes_one_by_one_is_held_too() -> None:
    """Three went a moment ago: the fourth waits."""
    assert brake.let_through(["d"], frozenset(), total=5, already=3) == frozenset()
    assert brake.let_through(["d"], frozenset(), total=5, already=2) == {"d"}


def test_a_release_lets_go_what_was_shown_and_no_more() -> None:
    """By UID: what is held later is another."""
    shown = Brake(name="pull-requests", held=(Held("a", "one"), Held("b", "two")))
    found = {**brake.record_of_held("pull-requests", (Held("a", "one"), Held("c", "three")))}
    found["data"] |= brake.record_of_released([shown])["data"]

    recorded = brake.recorded(found, "pull-requests")

    assert recorded.released == {"a", "b"}
    assert recorded.waits == (Held("c", "three"),)
    assert brake.recorded(found, "namespaces") == Brake(name="namespaces")
    assert brake.recorded(None, "namespaces") == Brake(name="namespaces")


@pytest.mark.parametrize("text", ["", "yes", "{}", "[1]", '["a"'])
def test_a_record_that_was_edited_into_nonsense_releases_nothing(text: str) -> None:
    """Who wants to release says which."""
    found = {"data": {"namespaces.released": text}}

    assert brake.recorded(found, "namespaces").released == frozenset()
