"""Does what a plan says, one function an action. Every write may be repeated without harm."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from itertools import groupby
from typing import Any, assert_never

from kubepreview.controller.observe import resource_of
from kubepreview.core import keys, kinds, plan
from kubepreview.core.actions import (
    Action,
    ApplyGate,
    ApplyGuardrails,
    ApplyNamespace,
    ApplyObjects,
    ApplyRoute,
    DeleteGate,
    DeleteNamespace,
    DeleteRoute,
    Drifted,
    EndPods,
    EndWorkloads,
    Prune,
    Record,
    Rescale,
    SendLookouts,
    Wait,
)
from kubepreview.core.observed import Observed
from kubepreview.core.refusals import is_about_pods, refusal, trial_pod
from kubepreview.core.wire import Object
from kubepreview.errors import Conflict
from kubepreview.kube.client import Client
from kubepreview.kube.errors import (
    AlreadyExists,
    ApiError,
    Forbidden,
    Invalid,
    KindNotServed,
    ObjectNotFound,
    WriteConflict,
)
from kubepreview.kube.resources import INGRESSES, LEASES, NAMESPACES, PODS, Resource
from kubepreview.kube.together import as_one, together

WriteRecord = Callable[[Record], Coroutine[Any, Any, None]]

# What the apiserver says no to for good: the same request would be refused again.
_NO = (Forbidden, Invalid, KindNotServed, WriteConflict)
# How RBAC begins its sentence, and nothing else does.
_NO_RIGHT = "is forbidden: User "


async def no_record(_: Record) -> None:
    """For plans that need none."""
    raise AssertionError("this plan needs no record")


async def act(cluster: Client, actions: Iterable[Action], record: WriteRecord) -> tuple[str, ...]:
    """Do the actions in order. Returns what the apiserver refused, and then does nothing more.

    `record` writes into the Preview what must not be forgotten, before it is begun.
    """
    for action in actions:
        refusals = await _do(cluster, action, record)
        if refusals:
            return refusals
    return ()


async def _do(cluster: Client, action: Action, record: WriteRecord) -> tuple[str, ...]:  # noqa: C901, PLR0912 — one case an action, nothing else
    match action:
        case ApplyNamespace(namespace):
            await _apply_namespace(cluster, namespace)
        case ApplyGuardrails(objects):
            await together(cluster.apply(obj, manager=keys.MANAGER) for obj in objects)
        case ApplyObjects(objects, needed):
            return await _apply_as_deployer(_deployer(cluster, objects[0]), objects, record(needed))
        case Rescale(objects, needed):
            await record(needed)
            await together(_deployer(cluster, obj).apply(obj, manager=keys.SLEEP_MANAGER) for obj in objects)
        case Prune(objects) | EndWorkloads(objects):
            await together(
                _delete(_deployer(cluster, obj), resource_of(kinds.ref_of(obj)), obj) for obj in objects
            )
        case ApplyRoute(route):
            await cluster.apply(route, manager=keys.MANAGER)
        case DeleteRoute(route):
            await _delete(cluster, INGRESSES, route)
        case SendLookouts(pods):
            sent = await together(_send(cluster, pod, containers) for pod, containers in pods)
            return tuple(each for each in sent if each)
        case ApplyGate(ingress, lease):
            await cluster.apply(lease, manager=keys.MANAGER)
            await cluster.apply(ingress, manager=keys.MANAGER)
        case DeleteGate(objects):
            for obj in objects:
                await _delete(cluster, LEASES if obj["kind"] == "Lease" else INGRESSES, obj)
        case EndPods(pods):
            await together(_delete(cluster, PODS, pod, grace_s=plan.grace_s(pod)) for pod in pods)
        case DeleteNamespace(namespace):
            metadata = namespace["metadata"]
            await cluster.delete(NAMESPACES, metadata["name"], uid=metadata["uid"])
        case Wait():
            pass
        case _:
            assert_never(action)
    return ()


async def repair(cluster: Client, drifted: Sequence[Drifted]) -> tuple[str, ...]:
    """Apply each anew, in order. Returns what is to be told of it.

    The apiserver changes nothing where there is nothing to put back, and then nothing is told.
    """
    told = [await _repaired(cluster, each) for each in drifted]
    return tuple(each for each in told if each)


async def _repaired(cluster: Client, drifted: Drifted) -> str:
    obj = drifted.object
    is_theirs = obj["metadata"]["labels"].get(keys.ORIGIN) == keys.ORIGIN_PULL_REQUEST
    writer = _deployer(cluster, obj) if is_theirs else cluster
    told = f"{obj['kind']}/{obj['metadata']['name']}: {drifted.what}"
    try:
        written = await writer.apply(obj, manager=keys.MANAGER)
    except WriteConflict:
        # It is gone, or another by now: the next look makes it anew.
        return ""
    except (Forbidden, Invalid) as no:
        if not is_theirs:
            raise
        return f"{told}, and cannot be put back: {no.message}"
    return "" if written["metadata"]["resourceVersion"] == drifted.version else f"{told}, and was put back"


def _deployer(cluster: Client, obj: Object) -> Client:
    return cluster.impersonating(keys.deployer_user(obj["metadata"]["namespace"]))


async def _send(cluster: Client, pod: Object, containers: tuple[Object, ...]) -> str:
    """The apiserver's no in its own words; nothing when it said yes, or that pod is gone."""
    metadata = pod["metadata"]
    patch = {"metadata": {"uid": metadata["uid"]}, "spec": {"ephemeralContainers": containers}}
    where = {"namespace": metadata["namespace"], "subresource": "ephemeralcontainers"}
    try:
        await _deployer(cluster, pod).patch(PODS, metadata["name"], patch, **where)
    except (ObjectNotFound, WriteConflict):
        return ""
    except (Forbidden, Invalid) as no:
        return no.message
    return ""


async def _delete(cluster: Client, resource: Resource, obj: Object, *, grace_s: int | None = None) -> None:
    """Delete this very object, and no later one of the same name."""
    metadata = obj["metadata"]
    try:
        await cluster.delete(
            resource, metadata["name"], metadata["namespace"], uid=metadata["uid"], grace_s=grace_s
        )
    except WriteConflict:
        # The name belongs to a newer object by now: ours is gone, and the next look sees the other.
        return


async def _apply_namespace(cluster: Client, namespace: Object) -> None:
    """Create it, or put back what was edited. A namespace of another owner is never taken."""
    try:
        await cluster.create(NAMESPACES, namespace)
    except AlreadyExists as error:
        name = namespace["metadata"]["name"]
        there = Observed(namespace=await cluster.get(NAMESPACES, name))
        if (
            not there.belongs_to(namespace["metadata"]["annotations"][keys.PREVIEW_UID])
            or there.is_terminating
        ):
            raise Conflict(f"namespace {name} appeared meanwhile, and is not this preview's") from error
        pinned = {**namespace, "metadata": {**namespace["metadata"], "uid": there.namespace_uid}}
        await cluster.apply(pinned, manager=keys.MANAGER)


async def _apply_as_deployer(
    deployer: Client, objects: Sequence[Object], recording: Coroutine[Any, Any, None]
) -> tuple[str, ...]:
    """Try all, then apply them in order; the record is written before the first of them is."""
    async with as_one() as group:
        group.create_task(recording)
        trying = group.create_task(_tried(deployer, objects))
    if refusals := trying.result():
        return refusals
    for _, batch in groupby(objects, key=lambda obj: kinds.kind_of(kinds.ref_of(obj)).order):
        done = await together(_refused(deployer, obj, dry_run=False) for obj in batch)
        if refusals := tuple(each for each in done if each):
            return refusals
    return ()


async def _tried(deployer: Client, objects: Sequence[Object]) -> tuple[str, ...]:
    """What would be refused, without writing anything."""
    tried = await together(
        each
        for obj in objects
        for each in (_refused(deployer, obj, dry_run=True), _refused_pod(deployer, obj))
    )
    return tuple(each for each in tried if each)


async def _refused_pod(deployer: Client, workload: Object) -> str:
    """What the rules about pods say to a pod of this workload, where nobody else would tell."""
    pod = trial_pod(workload)
    said = await _no_to(deployer, pod, dry_run=True) if pod else ""
    return refusal(kinds.ref_of(workload), said) if is_about_pods(said) else ""


async def _refused(deployer: Client, obj: Object, *, dry_run: bool) -> str:
    """Apply it; what the author should know when the apiserver said no, or nothing when it said yes."""
    said = await _no_to(deployer, obj, dry_run=dry_run)
    return refusal(kinds.ref_of(obj), said) if said else ""


async def _no_to(deployer: Client, obj: Object, *, dry_run: bool) -> str:
    """Apply it; the apiserver's no in its own words, or nothing when it said yes."""
    resource = resource_of(kinds.ref_of(obj))
    try:
        await deployer.apply(obj, manager=keys.MANAGER, dry_run=dry_run, resource=resource)
    except _NO as no:
        said = str((no.status.get("message") if isinstance(no, ApiError) else "") or no.message)
        if _NO_RIGHT in said:
            # Kinds without a right are not accepted, so this is no answer to the author: an apiserver that
            # has just started knows no rights yet, or the installation lacks one. It is tried again.
            raise
        return said
    return ""
