"""From what is wanted and what is there to what is to be done next.

A plan is the next batch only: its actions are done in order, an action that fails ends the batch, and then
the world is looked at again. So the order below is an invariant that no crash can break: namespace,
guardrails, guardrails seen in force, the pull request's objects, the route.
Applying a plan, observing, and planning again ends in the empty plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from kubepreview.core import drift, handover, kinds, scales
from kubepreview.core.actions import (
    Action,
    ApplyGuardrails,
    ApplyNamespace,
    ApplyObjects,
    DeleteGate,
    DeleteNamespace,
    DeleteRoute,
    Drifted,
    EndPods,
    EndWorkloads,
    Prune,
    Record,
    Wait,
)
from kubepreview.core.model import ObjectRef
from kubepreview.core.observed import Observed
from kubepreview.core.wanted import Wanted, applied_hash
from kubepreview.core.wire import Object


def plan_open(wanted: Wanted, observed: Observed, record: Record, preview_uid: str) -> tuple[Action, ...]:
    """The next batch for an open preview; empty when everything is as wanted.

    `record`: what was written down on earlier visits.
    """
    return (
        _plan_namespace(wanted, observed, preview_uid)
        or _plan_guardrails(wanted, observed)
        or _plan_revision(wanted, observed, record)
    )


def _plan_revision(wanted: Wanted, observed: Observed, record: Record) -> tuple[Action, ...]:
    objects = _plan_objects(wanted, observed, record)
    if wanted.is_asleep:
        # Objects are applied without pods then, and no pod ends before the gateway answers for it.
        return handover.plan_handover(wanted, observed, record) or objects
    kept = next((each.record for each in objects if isinstance(each, ApplyObjects)), record)
    return (*objects, *handover.plan_handover(wanted, observed, kept))


def plan_repair(wanted: Wanted, observed: Observed, preview_uid: str) -> tuple[Drifted, ...]:
    """What was applied and is not as it was applied any more; what is about to be applied is left out.

    The guards first: they are in force before anything else is written.
    """
    if observed.is_terminating or not observed.belongs_to(preview_uid):
        return ()
    pairs: list[tuple[Object, Object | None]] = [(wanted.namespace, observed.namespace)]
    pairs += ((obj, observed.guardrails.get(kinds.ref_of(obj))) for obj in wanted.guardrails)
    for obj in wanted.objects:
        live = observed.objects.get(kinds.ref_of(obj))
        if live is not None and not drift.is_left_alone(live):
            pairs.append((scales.as_counted(obj, live), live))
    pairs.append((wanted.route, observed.route))
    if wanted.is_asleep:
        pairs.append((handover.gate_ingress(wanted, wanted.sleeper), observed.gate.ingress))
    return tuple(_drifted(pairs))


def _drifted(pairs: Iterable[tuple[Object, Object | None]]) -> Iterator[Drifted]:
    for obj, live in pairs:
        if live is not None and applied_hash(live) == applied_hash(obj) and (what := drift.drift(obj, live)):
            pinned = {**obj, "metadata": {**obj["metadata"], "uid": live["metadata"]["uid"]}}
            yield Drifted(pinned, what, live["metadata"]["resourceVersion"])


def _plan_namespace(wanted: Wanted, observed: Observed, preview_uid: str) -> tuple[Action, ...]:
    if observed.namespace is None:
        return (ApplyNamespace(wanted.namespace), ApplyGuardrails(wanted.guardrails))
    if observed.is_terminating:
        return (Wait(f"namespace {wanted.space} of an earlier preview to be gone"),)
    if not observed.belongs_to(preview_uid):
        return (Wait(f"namespace {wanted.space}, which is not this preview's, to be removed by its owner"),)
    if applied_hash(observed.namespace) != applied_hash(wanted.namespace):
        return (ApplyNamespace(wanted.namespace),)
    return ()


def _plan_guardrails(wanted: Wanted, observed: Observed) -> tuple[Action, ...]:
    stale = _stale(wanted.guardrails, observed.guardrails)
    if stale:
        return (ApplyGuardrails(stale),)
    missing = guard_not_in_force(observed)
    return (Wait(missing),) if missing else ()


def guard_not_in_force(observed: Observed) -> str:
    """Which written guardrail the cluster does not enforce yet, in words; empty when all are in force."""
    for ref, guard in observed.guardrails.items():
        # The quota admits nothing, or too much, until its controller has counted once.
        if ref.kind == "ResourceQuota" and guard.get("status", {}).get("hard") != guard["spec"]["hard"]:
            return "ResourceQuota to be counted by the cluster"
    if not observed.deployer_answers:
        return "the deployer's Role to be in force"
    return f"admission policy {observed.unenforced} to be in force" if observed.unenforced else ""


def _plan_objects(wanted: Wanted, observed: Observed, record: Record) -> tuple[Action, ...]:
    actions: list[Action] = []
    stale = _stale(wanted.objects, observed.objects)
    if replaced := _replaced(stale, observed):
        return replaced
    if stale:
        actions.append(_apply(stale, wanted, record))
    gone = set(record.inventory) - set(wanted.refs)
    extra = tuple(obj for ref, obj in observed.objects.items() if ref in gone)
    if extra:
        actions.append(Prune(extra))
    return tuple(actions)


def _apply(stale: tuple[Object, ...], wanted: Wanted, record: Record) -> ApplyObjects:
    """Apply them; in its sleep without pods, and with a record of how many they are to have."""
    inventory = tuple(dict.fromkeys((*wanted.refs, *record.inventory)))
    if not wanted.is_asleep:
        return ApplyObjects(stale, replace(record, inventory=inventory))
    counts = scales.after_change(stale, record.scales)
    return ApplyObjects(tuple(map(scales.zeroed, stale)), replace(record, inventory=inventory, scales=counts))


def _replaced(stale: Iterable[Object], observed: Observed) -> tuple[Action, ...]:
    """What cannot be changed is ended first: a migration Job of the earlier revision, for one."""
    refs = [kinds.ref_of(obj) for obj in stale]
    live = [
        observed.objects[ref] for ref in refs if kinds.kind_of(ref).is_replaced and ref in observed.objects
    ]
    there = tuple(obj for obj in live if "deletionTimestamp" not in obj["metadata"])
    if there:
        return (Prune(there),)
    leaving = (f"{obj['kind']}/{obj['metadata']['name']} of the earlier revision to end" for obj in live[:1])
    return tuple(Wait(what) for what in leaving)


def _stale(objects: Iterable[Object], there: Mapping[ObjectRef, Object]) -> tuple[Object, ...]:
    def is_stale(obj: Object) -> bool:
        live = there.get(kinds.ref_of(obj))
        return live is None or applied_hash(live) != applied_hash(obj)

    return tuple(obj for obj in objects if is_stale(obj))


def plan_closed(observed: Observed, preview_uid: str) -> tuple[Action, ...]:
    """The next batch for a closed preview; empty when its namespace is gone, or was never its own.

    What leads there first, then pods, then the namespace. A namespace that is already going is only waited
    for. Pods that something else makes anew, such as a Deployment that somebody put there by hand, are not
    waited for: in a namespace that is going nothing is made.
    """
    if observed.gate.objects:
        return (DeleteGate(observed.gate.objects),)
    if observed.namespace is None or not observed.belongs_to(preview_uid):
        return ()
    return _plan_end(observed, observed.namespace)


def _plan_end(observed: Observed, namespace: Object) -> tuple[Action, ...]:
    if observed.route is not None and "deletionTimestamp" not in observed.route["metadata"]:
        return (DeleteRoute(observed.route),)
    if observed.is_terminating:
        # The namespace's own deletion ends what is left; pods that linger are given the short grace.
        return (*_plan_pods(observed), Wait("the namespace to be gone"))
    workloads = tuple(
        obj
        for obj in observed.objects.values()
        if kinds.kind_of(kinds.ref_of(obj)) in kinds.WORKLOADS and "deletionTimestamp" not in obj["metadata"]
    )
    if workloads:
        # The pods first, although one may be made anew: whoever ends a pod first decides its grace, and
        # once its workload is gone the cluster's garbage collector ends it with the longest.
        return (*_plan_pods(observed), EndWorkloads(workloads))
    if observed.pods and not any(map(_is_made_anew, observed.pods)):
        return (*_plan_pods(observed), Wait("the pods to be gone"))
    return (*_plan_pods(observed), DeleteNamespace(namespace))


# Long enough for a server to finish the requests it is in, short enough to wait for.
POD_GRACE_S = 2


def grace_s(pod: Object) -> int:
    """How long a pod of a closed preview has to end: what it asks for, as far as that is short.

    Never 0, with which the apiserver forgets a pod at once, although it may still run.
    """
    asked: int = pod["spec"].get("terminationGracePeriodSeconds", POD_GRACE_S)
    return max(1, min(POD_GRACE_S, asked))


def _is_made_anew(pod: Object) -> bool:
    """Whether a pod runs on under a controller when all workloads that are known have been ended."""
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or ()
    return "deletionTimestamp" not in metadata and any(owner.get("controller") for owner in owners)


def _plan_pods(observed: Observed) -> tuple[Action, ...]:
    lingering = tuple(
        pod
        for pod in observed.pods
        if pod["metadata"].get("deletionGracePeriodSeconds", POD_GRACE_S + 1) > POD_GRACE_S
    )
    return (EndPods(lingering),) if lingering else ()
