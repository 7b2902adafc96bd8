"""From what is wanted and what is there to what is to be done next.

A plan is the next batch only: its actions are done in order, an action that fails ends the batch, and then
the world is looked at again. So the order below is an invariant that no crash can break: namespace,
guardrails, guardrails seen in force, the pull request's objects, the route.
Applying a plan, observing, and planning again ends in the empty plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from kubepreview.core import kinds
from kubepreview.core.model import Object, ObjectRef
from kubepreview.core.observed import Observed
from kubepreview.core.wanted import Wanted, applied_hash


class ApplyNamespace(Struct, frozen=True):
    """Create the namespace with its labels, or put the labels back."""

    namespace: Object


class ApplyGuardrails(Struct, frozen=True):
    """Write these guards into the namespace."""

    objects: tuple[Object, ...]


class ApplyObjects(Struct, frozen=True):
    """Apply these as the deployer: all are tried first, and none is written if one is refused.

    `inventory` is recorded before the first write, so that nothing applied is ever forgotten.
    """

    objects: tuple[Object, ...]
    inventory: tuple[ObjectRef, ...]


class Prune(Struct, frozen=True):
    """Delete what an earlier revision brought and this one does not; each only if it is that very object."""

    objects: tuple[Object, ...]


class ApplyRoute(Struct, frozen=True):
    """Write the route."""

    route: Object


class DeleteRoute(Struct, frozen=True):
    """Take the route away, so that nobody is led to what is being ended."""

    route: Object


class EndWorkloads(Struct, frozen=True):
    """Delete what would make new pods."""

    objects: tuple[Object, ...]


class EndPods(Struct, frozen=True):
    """Delete these pods with a short grace."""

    pods: tuple[Object, ...]


class DeleteNamespace(Struct, frozen=True):
    """Delete the namespace, only if it is the one that was looked at."""

    namespace: Object


class Wait(Struct, frozen=True):
    """Nothing can be done until this is seen."""

    what: str


Action = (
    ApplyNamespace
    | ApplyGuardrails
    | ApplyObjects
    | Prune
    | ApplyRoute
    | DeleteRoute
    | EndWorkloads
    | EndPods
    | DeleteNamespace
    | Wait
)


def plan_open(
    wanted: Wanted, observed: Observed, inventory: Iterable[ObjectRef], preview_uid: str
) -> tuple[Action, ...]:
    """The next batch for an open preview; empty when everything is as wanted."""
    return (
        _plan_namespace(wanted, observed, preview_uid)
        or _plan_guardrails(wanted, observed)
        or (*_plan_objects(wanted, observed, tuple(inventory)), *_plan_route(wanted, observed))
    )


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
    return "" if observed.deployer_answers else "the deployer's Role to be in force"


def _plan_objects(wanted: Wanted, observed: Observed, inventory: tuple[ObjectRef, ...]) -> tuple[Action, ...]:
    actions: list[Action] = []
    stale = _stale(wanted.objects, observed.objects)
    if replaced := _replaced(stale, observed):
        return replaced
    if stale:
        recorded = tuple(dict.fromkeys((*wanted.refs, *inventory)))
        actions.append(ApplyObjects(stale, recorded))
    gone = set(inventory) - set(wanted.refs)
    extra = tuple(obj for ref, obj in observed.objects.items() if ref in gone)
    if extra:
        actions.append(Prune(extra))
    return tuple(actions)


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


def _plan_route(wanted: Wanted, observed: Observed) -> tuple[Action, ...]:
    if observed.route is not None and applied_hash(observed.route) == applied_hash(wanted.route):
        return ()
    return (ApplyRoute(wanted.route),)


def _stale(objects: Iterable[Object], there: Mapping[ObjectRef, Object]) -> tuple[Object, ...]:
    def is_stale(obj: Object) -> bool:
        live = there.get(kinds.ref_of(obj))
        return live is None or applied_hash(live) != applied_hash(obj)

    return tuple(obj for obj in objects if is_stale(obj))


def plan_closed(observed: Observed, preview_uid: str) -> tuple[Action, ...]:
    """The next batch for a closed preview; empty when its namespace is gone, or was never its own.

    Route, then pods, then the namespace. A namespace that is already going is only waited for. Pods that
    something else makes anew, such as a Deployment that somebody put there by hand, are not waited for:
    in a namespace that is going nothing is made.
    """
    if observed.namespace is None or not observed.belongs_to(preview_uid):
        return ()
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
    return (*_plan_pods(observed), DeleteNamespace(observed.namespace))


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
