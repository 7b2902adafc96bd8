"""What somebody else has changed of an object that was applied, by the apiserver's own record of owners.

Server-side apply notes who owns each field (`metadata.managedFields`). A value of ours that is not what we
wrote has another owner now, and a field of ours that was taken away is missing. Everything else that others
add, such as a status, a default or a label, is theirs, and no drift. Counts of pods are nobody's
(`core.scales`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from kubepreview.core import keys
from kubepreview.core.kinds import as_mapping
from kubepreview.core.wire import Object

# Whose fields beside ours are no change by a hand.
_OURS: Final = frozenset({keys.MANAGER, keys.SLEEP_MANAGER})
_COUNTS: Final = frozenset({"spec.replicas", "spec.suspend"})
# Kept under another name.
_WRITE_ONLY: Final = frozenset({"stringData"})
_MISSING: Final = object()


def drift(wanted: Object, live: Object) -> str:
    """The first field that is not as it was applied, and who changed it; empty if there is none."""
    for manager, fields in _other_owners(live):
        for path, mine, theirs in _owned(fields, wanted, live, ()):
            name = ".".join(path)
            if mine is not _MISSING and mine != theirs and name not in _COUNTS:
                return f"{name} was changed by {manager}"
    gone = next(_gone(wanted, live, ()), ())
    return f"{'.'.join(gone)} was taken away" if gone else ""


def is_left_alone(live: Object) -> bool:
    """Whether somebody has said that he changes this object by hand, until the next push."""
    return (live["metadata"].get("annotations") or {}).get(keys.HANDS_OFF) == "true"


def _other_owners(live: Object) -> Iterator[tuple[str, Object]]:
    for entry in live["metadata"].get("managedFields") or ():
        # What is written through a subresource is a status or a count.
        if not entry.get("subresource") and entry.get("manager") not in _OURS:
            yield str(entry.get("manager") or "somebody"), as_mapping(entry.get("fieldsV1"))


def _owned(
    fields: Object, wanted: Any, live: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Each leaf of a set of fields, with its value in both objects."""
    inner = {key: value for key, value in fields.items() if key != "."}
    if not inner:
        if path:
            yield path, wanted, live
        return
    for key, value in inner.items():
        name, find = _step(key)
        yield from _owned(value, find(wanted), find(live), (*path, name))


def _step(key: str) -> tuple[str, Any]:
    """How a key of fieldsV1 is read and followed: a field (f), an item by its keys (k) or its value (v)."""
    kind, _, rest = key.partition(":")
    if kind == "f":
        return rest, lambda of: of.get(rest, _MISSING) if isinstance(of, dict) else _MISSING
    chosen = json.loads(rest)
    if kind == "k":
        return f"[{','.join(map(str, chosen.values()))}]", lambda of: _item(of, chosen)
    return f"[{chosen}]", lambda of: chosen if isinstance(of, list) and chosen in of else _MISSING


def _item(of: Any, chosen: Object) -> Any:
    items = of if isinstance(of, list) else []
    mappings = (item for item in items if isinstance(item, dict))
    # A key that its author left out has a default.
    found = (item for item in mappings if all(item.get(key, value) == value for key, value in chosen.items()))
    return next(found, _MISSING)


def _gone(wanted: Any, live: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The fields of ours that are not there. What is empty may be left out by the apiserver."""
    if not isinstance(wanted, dict):
        return
    for key, value in wanted.items():
        if key in _WRITE_ONLY or value in ("", None, [], {}, 0, False):
            continue
        if not isinstance(live, dict) or key not in live:
            yield (*path, key)
        else:
            yield from _gone(value, live[key], (*path, key))
