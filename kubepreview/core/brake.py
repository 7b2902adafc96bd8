"""How much may be deleted in one pass without asking.

One pass that would delete more than the larger of 3 and a fifth of all stops: so many at once is more
likely a mistake, such as a CRD that was deleted and installed again, than somebody's wish. What is held is
on record by name; `kubepreview brake --release` lets exactly that go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec
from msgspec import Struct

from kubepreview.core import keys
from kubepreview.core.wire import Object

CURE: Final = "`kubepreview brake` shows what is held, and `kubepreview brake --release` lets it go"

_ALWAYS: Final = 3
_FIFTH: Final = 5

Name = Literal["pull-requests", "namespaces"]

WHAT: Final[Mapping[Name, str]] = {
    "pull-requests": "previews whose pull request is over, as GitHub says",
    "namespaces": "namespaces and routes whose Preview is no more",
}
"""The brakes, each with what it holds."""


class Held(Struct, frozen=True):
    """One that is not deleted. `id`: the UID of what would be deleted, so that it is never another."""

    id: str
    what: str


class Brake(Struct, frozen=True, kw_only=True):
    """What one brake holds, and the ids that somebody has let go."""

    name: Name
    held: tuple[Held, ...] = ()
    released: frozenset[str] = frozenset()

    @property
    def waits(self) -> tuple[Held, ...]:
        """Those that nobody has let go yet."""
        return tuple(each for each in self.held if each.id not in self.released)


def may_delete(count: int, total: int) -> bool:
    """Whether `count` of `total` previews may be deleted in one pass."""
    return count <= max(_ALWAYS, total // _FIFTH)


def let_through(
    going: Iterable[str], released: frozenset[str], total: int, already: int = 0
) -> frozenset[str]:
    """Of the ids that would be deleted, those that may be. `already`: so many went just before.

    What somebody has let go goes, and so does the rest, if it alone is few.
    """
    wanted = frozenset(going)
    rest = wanted - released
    if may_delete(len(rest) + already, total + already):
        return wanted
    return wanted & released


def recorded(found: Object | None, name: Name) -> Brake:
    """What the record says of one brake. A record that was edited into nonsense releases nothing."""
    data = (found or {}).get("data") or {}
    try:
        held = msgspec.json.decode(data.get(f"{name}.held", "[]"), type=tuple[Held, ...])
        released = msgspec.json.decode(data.get(f"{name}.released", "[]"), type=frozenset[str])
    except ValueError:
        return Brake(name=name)
    return Brake(name=name, held=held, released=released)


def record_of_held(name: Name, held: tuple[Held, ...]) -> Object:
    """What the controller writes."""
    return _record({f"{name}.held": _encoded(held)})


def record_of_released(brakes: Iterable[Brake]) -> Object:
    """What lets everything go that these brakes hold, and nothing else."""
    return _record(
        {f"{each.name}.released": _encoded(sorted(one.id for one in each.held)) for each in brakes}
    )


def _record(data: Mapping[str, str]) -> Object:
    metadata = {"name": keys.BRAKE, "namespace": keys.SYSTEM_NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}


def _encoded(value: object) -> str:
    return msgspec.json.encode(value).decode()
