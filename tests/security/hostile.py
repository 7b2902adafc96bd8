"""Hostile objects by class: what is wrong with each is one field of an otherwise ordinary object.

The classes carry the numbers of the project's threat list (T..), so that a row of the figures can be traced.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from kubepreview.core import kinds
from kubepreview.core.wire import Object
from tests.security.hostile_objects import METADATA, OBJECTS, OWN_METADATA, claim, named, service
from tests.security.hostile_pods import POD_SPECS, container


class Hostile(Struct, frozen=True, kw_only=True):
    """One object, the class of what it tries, and the field that it is tried by."""

    attack: str
    field: str
    object: Object


_LABELS: Final = {"app": "web"}
_CARRIERS: Final = (
    kinds.ALLOWED["v1", "Pod"],
    *(kind for kind in kinds.WORKLOADS if kind is not kinds.DAEMON_SET),
)


def corpus() -> Iterator[Hostile]:
    """Every class in every object that can carry it."""
    for attack, spec in POD_SPECS.items():
        for kind in _CARRIERS:
            yield Hostile(attack=attack, field="spec", object=_carrying(kind, {"spec": spec}))
    for attack, metadata in METADATA.items():
        for kind in _CARRIERS:
            # Of the workload nothing is wrong: it is its pods that would ask.
            yield Hostile(attack=attack, field="metadata", object=_carrying(kind, {"metadata": metadata}))
    for attack, metadata in {**METADATA, **OWN_METADATA}.items():
        obj = _merged(service(), {"metadata": metadata})
        yield Hostile(attack=attack, field="metadata", object=obj)
    for attack, (field, obj) in OBJECTS.items():
        yield Hostile(attack=attack, field=field, object=obj)


def benign() -> Iterator[Object]:
    """What the hostile ones are made of: each of these is to be taken, or a refusal would prove nothing."""
    yield from (service(), claim(), named("v1", "ConfigMap"), named("v1", "Secret"))
    yield named("v1", "ServiceAccount")
    for kind in _CARRIERS:
        yield _carrying(kind, {})


def _carrying(kind: kinds.Kind, pod: Object) -> Object:
    """A workload, or a Pod, whose pods are so."""
    policy = {"restartPolicy": "Never"} if kind.kind in ("Job", "CronJob") else {}
    template = _merged({"metadata": {"labels": _LABELS}, "spec": {**container(), **policy}}, pod)
    if kind.kind == "Pod":
        return _merged(named("v1", "Pod"), template)
    obj: Object = template
    for step in reversed(kind.pod_template):
        obj = {step: obj}
    obj = _merged(named(kind.api_version, kind.kind), obj)
    if kind.kind == "CronJob":
        obj["spec"]["schedule"] = "0 0 1 1 *"
    elif kind.kind == "ReplicationController":
        obj["spec"]["selector"] = _LABELS
    elif kind.kind != "Job":
        obj["spec"]["selector"] = {"matchLabels": _LABELS}
    return obj


def _merged(base: Object, more: Mapping[str, Any]) -> Object:
    """A deep copy of `base` with `more` laid over it; lists are replaced."""
    merged = copy.deepcopy(base)
    for key, value in more.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
