"""Looks at one preview's namespace: reads only, all at once, straight from the apiserver."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from kubepreview.core import canaries, guardrails, keys, kinds
from kubepreview.core.model import ObjectRef, Preview
from kubepreview.core.observed import Gate, Observed
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.errors import Forbidden, Invalid
from kubepreview.kube.resources import (
    DEPLOYMENTS,
    INGRESSES,
    LEASES,
    LIMIT_RANGES,
    NAMESPACES,
    NETWORK_POLICIES,
    PODS,
    REPLICA_SETS,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
    SERVICE_ACCOUNTS,
    Resource,
)
from kubepreview.kube.store import Key
from kubepreview.kube.together import as_one, together

_GUARDS = (RESOURCE_QUOTAS, LIMIT_RANGES, NETWORK_POLICIES, SERVICE_ACCOUNTS, ROLE_BINDINGS)


def resource_of(ref: ObjectRef) -> Resource:
    """Where the apiserver keeps an object of an allowed kind."""
    return _resource(kinds.kind_of(ref))


def _resource(kind: kinds.Kind) -> Resource:
    version = kind.api_version.rpartition("/")[2]
    return Resource(kind.group, version, kind.plural, kind.kind, namespaced=True)


async def observe(
    cluster: Client,
    space: str,
    refs: Iterable[ObjectRef],
    *,
    may_be_absent: bool = False,
    gate_of: Key | None = None,
) -> Observed:
    """The namespace `space`, with all that a plan needs to know; `refs` says which kinds to read.

    All is read at once; where the namespace `may_be_absent`, nothing of it is read before it is seen.
    `gate_of`: the preview, by its key, for whose host the gateway may answer; this is read too then.
    Raises what the apiserver could not answer: a look that failed is no look.
    """
    if may_be_absent and await cluster.find(NAMESPACES, space) is None:
        return Observed()
    resources = sorted({resource_of(ref) for ref in refs}, key=lambda each: each.plural)
    async with as_one() as group:
        finding = group.create_task(cluster.find(NAMESPACES, space))
        guards = [group.create_task(_written_by_us(cluster, each, space)) for each in _GUARDS]
        route = group.create_task(cluster.find(INGRESSES, keys.GUARD, space))
        pods = group.create_task(cluster.list(PODS, space))
        sets = group.create_task(cluster.list(REPLICA_SETS, space))
        objects = group.create_task(_as_deployer(cluster, space, resources))
        gate = group.create_task(look_at_gate(cluster, gate_of, space))
    namespace, found = finding.result(), objects.result()
    if namespace is None:
        # What was read of it all the same is of one that has just gone.
        return Observed(gate=gate.result())
    is_first = found == [] and bool(resources)
    return Observed(
        namespace=namespace,
        unenforced=await _unenforced(cluster, namespace) if is_first else "",
        guardrails=_by_ref(obj for task in guards for obj in task.result()),
        deployer_answers=found is not None,
        objects=_by_ref(found or ()),
        replica_sets=tuple(sets.result()),
        pods=tuple(pods.result()),
        route=route.result(),
        gate=gate.result(),
    )


async def look_at_gate(cluster: Client, preview: Key | None, space: str) -> Gate:
    """What makes the gateway answer for this preview; nothing of another's, whatever its name."""
    if preview is None or not space:
        return Gate()
    async with as_one() as group:
        ingress, lease = (
            group.create_task(cluster.find(each, space, keys.GATEWAY_NAMESPACE))
            for each in (INGRESSES, LEASES)
        )
        deployment = group.create_task(cluster.find(DEPLOYMENTS, keys.GATEWAY, keys.GATEWAY_NAMESPACE))
    running = deployment.result() or {}
    containers = running.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ())
    return Gate(
        ingress=_if_of(preview, ingress.result()),
        lease=_if_of(preview, lease.result()),
        is_running=bool(running.get("status", {}).get("availableReplicas")),
        image=next((each["image"] for each in containers), ""),
    )


def _if_of(preview: Key, found: Object | None) -> Object | None:
    labels = (found or {}).get("metadata", {}).get("labels") or {}
    return found if (labels.get(keys.PROJECT), labels.get(keys.PREVIEW)) == preview else None


async def observe_closing(
    cluster: Client, namespace: Object, refs: Iterable[ObjectRef], *, gate_of: Key | None
) -> Observed:
    """What is left of a closed preview in `namespace`; if that is going, what goes with it is not read."""
    space = str(namespace["metadata"]["name"])
    seen = Observed(namespace=namespace)
    resources = sorted({resource_of(ref) for ref in refs}, key=lambda each: each.plural)
    async with as_one() as group:
        route = group.create_task(cluster.find(INGRESSES, keys.GUARD, space))
        pods = group.create_task(cluster.list(PODS, space))
        gate = group.create_task(look_at_gate(cluster, gate_of, space))
        objects = group.create_task(_as_deployer(cluster, space, () if seen.is_terminating else resources))
    return replace(
        seen,
        objects=_by_ref(objects.result() or ()),
        pods=tuple(pods.result()),
        route=route.result(),
        gate=gate.result(),
    )


async def find_namespace(cluster: Client, preview: Preview) -> Object | None:
    """The namespace that was made for this very Preview; None when the apiserver knows of none."""
    labels = ",".join(f"{key}={value}" for key, value in guardrails.preview_labels(preview).items())
    for namespace in await cluster.list(NAMESPACES, labels=labels):
        if Observed(namespace=namespace).belongs_to(preview.metadata.uid):
            return namespace
    return None


async def look_at_all(cluster: Client, space: str) -> dict[ObjectRef, Object]:
    """Every object of the allowed kinds, whoever wrote it; what the deployer may not read is left out."""
    deployer = cluster.impersonating(keys.deployer_user(space))

    async def of_kind(kind: kinds.Kind) -> list[Object]:
        try:
            return await deployer.list(_resource(kind), space)
        except Forbidden:
            return []

    found = await together(of_kind(kind) for kind in kinds.ALLOWED.values())
    return _by_ref(obj for objects in found for obj in objects)


async def _written_by_us(cluster: Client, resource: Resource, space: str) -> list[Object]:
    return await cluster.list(resource, space, labels=f"{keys.ORIGIN}={keys.ORIGIN_PRODUCT}")


async def _as_deployer(cluster: Client, space: str, resources: Iterable[Resource]) -> list[Object] | None:
    """The pull request's objects, read under its own identity; None while that may not read."""
    deployer = cluster.impersonating(keys.deployer_user(space))
    labels = f"{keys.ORIGIN}={keys.ORIGIN_PULL_REQUEST}"
    try:
        found = await together(deployer.list(each, space, labels=labels) for each in resources)
    except Forbidden:
        return None
    return [obj for objects in found for obj in objects]


async def _unenforced(cluster: Client, namespace: Object) -> str:
    """The first policy that lets its canary pass; empty when every one of them is refused."""
    space, asked = namespace["metadata"]["name"], canaries.of(namespace)
    deployer = cluster.impersonating(keys.deployer_user(space))

    async def is_taken(canary: Object) -> bool:
        obj = {**canary, "metadata": {**canary["metadata"], "namespace": space}}
        try:
            await deployer.apply(
                obj, manager=keys.MANAGER, dry_run=True, resource=resource_of(kinds.ref_of(obj))
            )
        except (Forbidden, Invalid):
            return False
        return True

    taken = await together(is_taken(canary) for canary in asked.values())
    return next((name for name, passed in zip(asked, taken, strict=True) if passed), "")


def _by_ref(objects: Iterable[Object]) -> dict[ObjectRef, Object]:
    return {kinds.ref_of(obj): obj for obj in objects}
