"""How many pods each workload has: the counts that sleep puts to zero, and waking brings back.

The count is a field beside what the author wrote, with a field manager of its own, so that sleeping and
waking leave the author's objects, and the hash of them, as they are. A count that a person or an autoscaler
chose comes back as it was; at zero an autoscaler rests by itself.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence

from kubepreview.core import keys
from kubepreview.core.kinds import as_mapping, has_condition, kind_of, pod_template, ref_of
from kubepreview.core.model import ObjectRef, Scale
from kubepreview.core.wire import Object

# Of a Job: it will have no pods any more.
_ENDS = ("Complete", "Failed")


def count(obj: Object) -> int | None:
    """How many the object asks for; None if it says nothing, or has no pods that could be kept away."""
    spec = as_mapping(obj.get("spec"))
    match kind_of(ref_of(obj)).zeroed_by:
        case "Replicas":
            replicas = spec.get("replicas")
            return replicas if isinstance(replicas, int) else None
        case "Suspend":
            return None if any(has_condition(obj, end) for end in _ENDS) else int(not spec.get("suspend"))
        case "NodeSelector":
            pod_spec = as_mapping(as_mapping(pod_template(obj)).get("spec"))
            return int(keys.NO_NODE not in as_mapping(pod_spec.get("nodeSelector")))
        case _:
            return None


def zeroed(obj: Object) -> Object:
    """The object, without pods."""
    return _merged(copy.deepcopy(obj), _fields(ref_of(obj), 0))


def as_counted(obj: Object, live: Object) -> Object:
    """The object, with as many pods as it has now: who has counted them is not asked."""
    replicas = as_mapping(live.get("spec")).get("replicas")
    if kind_of(ref_of(obj)).zeroed_by != "Replicas" or replicas is None:
        return obj
    return {**obj, "spec": {**obj["spec"], "replicas": replicas}}


def only(live: Object, replicas: int) -> Object:
    """What is applied to give this very object so many pods, and to change nothing else of it."""
    metadata = {key: live["metadata"][key] for key in ("name", "namespace", "uid")}
    identity = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata}
    return {**identity, **_fields(ref_of(live), replicas)}


def _fields(ref: ObjectRef, replicas: int) -> Object:
    match kind_of(ref).zeroed_by:
        case "Replicas":
            return {"spec": {"replicas": replicas}}
        case "Suspend":
            return {"spec": {"suspend": not replicas}}
        case "NodeSelector" if not replicas:
            return {"spec": {"template": {"spec": {"nodeSelector": {keys.NO_NODE: "true"}}}}}
        case _:
            return {}


def running(objects: Iterable[Object]) -> tuple[Scale, ...]:
    """The counts of those live objects that have pods, or are about to."""
    return tuple(Scale(object=ref_of(obj), replicas=many) for obj in objects if (many := count(obj)))


def to_restore(objects: Iterable[Object], recorded: Iterable[Scale]) -> tuple[Scale, ...]:
    """The recorded counts of those live objects that are at zero."""
    at_zero = {ref_of(obj) for obj in objects if count(obj) == 0}
    return tuple(scale for scale in recorded if scale.replicas and scale.object in at_zero)


def merged(recorded: Iterable[Scale], seen: Iterable[Scale]) -> tuple[Scale, ...]:
    """All counts that are known; what was seen last holds."""
    counts = {scale.object: scale for scale in (*recorded, *seen)}
    return tuple(counts.values())


def after_change(stale: Iterable[Object], recorded: Sequence[Scale]) -> tuple[Scale, ...]:
    """The counts to wake to when these objects of a new revision are applied in the preview's sleep.

    What the author writes down now is what holds; where nothing is written, what was there before; 1 for
    what was not there.
    """
    before = {scale.object: scale.replicas for scale in recorded}
    workloads = ((ref_of(obj), count(obj)) for obj in stale if kind_of(ref_of(obj)).zeroed_by)
    changed = (Scale(object=ref, replicas=_or(many, before.get(ref, 1))) for ref, many in workloads)
    return merged(recorded, changed)


def _or(written: int | None, otherwise: int) -> int:
    return otherwise if written is None else written


def _merged(into: Object, changes: Mapping[str, object]) -> Object:
    for key, value in changes.items():
        into[key] = _merged(as_mapping(into.get(key)), value) if isinstance(value, Mapping) else value
    return into
