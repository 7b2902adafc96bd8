"""The store tells which keys a change touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubepreview.kube.store import Key, Store

_KEYS = st.tuples(st.just("a"), st.sampled_from(["x", "y", "z"]))
_STATES = st.dictionaries(
    _KEYS, st.sampled_from(["1", "2"]).map(lambda version: (version, f"object {version}"))
)


def test_the_same_version_is_no_change() -> None:
    """Only a version that is new touches a key."""
    store: Store[str] = Store()

    assert store.put(("a", "x"), "1", "one")
    assert not store.put(("a", "x"), "1", "one")
    assert store.put(("a", "x"), "2", "two")
    assert store[("a", "x")] == "two"


def test_dropping_what_is_not_there_is_no_change() -> None:
    """A key is gone once."""
    store: Store[str] = Store()
    store.put(("a", "x"), "1", "one")

    assert store.drop(("a", "x"))
    assert not store.drop(("a", "x"))
    assert dict(store) == {}


def test_an_object_that_is_false_is_an_object() -> None:
    """What the caller's decoder makes of an object may be empty."""
    store: Store[str | None] = Store()
    store.put(("a", "x"), "1", None)

    assert store.drop(("a", "x"))


@given(_STATES, _STATES)
def test_replacing_touches_exactly_what_differs(
    before: dict[Key, tuple[str, str]], after: dict[Key, tuple[str, str]]
) -> None:
    """After a new list the store holds it, and the touched keys are those new, changed or gone."""
    store: Store[str] = Store()
    store.replace(before)

    touched = store.replace(after)

    assert dict(store) == {key: obj for key, (_, obj) in after.items()}
    assert touched == {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
