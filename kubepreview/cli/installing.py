"""What `install` does to a cluster and what it then looks for, each deed by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kubepreview.core import installation, keys, policies
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.errors import Forbidden
from kubepreview.kube.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SERVICES,
)
from kubepreview.kube.wait import NotYet, wait_until

# A namespace that looks like a preview's, for as long as it takes to see the policies act on it.
CANARY = "kubepreview-canary"
_QUICK_S = 30.0


async def apply_all(client: Client, objects: Iterable[Object]) -> str:
    """Apply them in order. Fields that others set stay theirs; ours are taken back."""
    count = 0
    for obj in objects:
        await client.apply(obj, manager=keys.MANAGER)
        count += 1
    return f"{count} objects"


async def wait_until_established(client: Client, definitions: Sequence[Object]) -> str:
    """Wait until the apiserver serves the kinds."""
    for definition in definitions:
        name = definition["metadata"]["name"]

        async def look(name: str = name) -> bool:
            found = await client.get(CUSTOM_RESOURCE_DEFINITIONS, name)
            conditions = {each["type"]: each for each in found.get("status", {}).get("conditions") or ()}
            for word, wanted in (("NamesAccepted", "True"), ("Established", "True")):
                condition = conditions.get(word, {})
                if condition.get("status") != wanted:
                    raise NotYet(
                        f"{word} is {condition.get('status', 'not told')}: {condition.get('message', '')}"
                    )
            return True

        await wait_until(look, what=f"CustomResourceDefinition {name} established", timeout_s=_QUICK_S)
    return ", ".join(definition["spec"]["names"]["kind"] for definition in definitions)


async def wait_until_policies_act(client: Client, *, mutates: bool) -> str:
    """Prove it by trying: in a namespace of a preview, and without keeping a pod or a Service."""
    labels = {keys.MANAGED: "true", keys.POD_PROFILE: "userns"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CANARY, "labels": labels}}
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "canary", "namespace": CANARY},
        # Said here, because the policy that would put it in may not act yet.
        "automountServiceAccountToken": False,
    }

    async def look() -> bool:
        there = await client.apply(namespace, manager=keys.CLI_MANAGER)
        if "deletionTimestamp" in there["metadata"]:
            raise NotYet(f"namespace {CANARY} of an earlier try is still going")
        await client.apply(account, manager=keys.CLI_MANAGER)
        await _see_refused(client)
        if mutates:
            await _see_mutated(client)
        return True

    try:
        await wait_until(look, what="the admission policies act", timeout_s=_QUICK_S)
    finally:
        await client.delete(NAMESPACES, CANARY)
    return f"{sum(mutates or not policy.mutates for policy in policies.POLICIES)} policies"


async def _see_refused(client: Client) -> None:
    service = _canary("Service", {"type": "NodePort", "ports": [{"port": 80}]})
    try:
        await client.apply(service, manager=keys.CLI_MANAGER, dry_run=True, resource=SERVICES)
    except Forbidden as refusal:
        if "ValidatingAdmissionPolicy" in refusal.message:
            return
        raise NotYet(refusal.message) from refusal
    raise NotYet("a Service of type NodePort is still accepted in a preview's namespace")


async def _see_mutated(client: Client) -> None:
    pod = _canary(
        "Pod",
        {
            "serviceAccountName": "canary",
            "priorityClassName": keys.PRIORITY_CLASS,
            "containers": [{"name": "canary", "image": f"canary@sha256:{'0' * 64}"}],
        },
    )
    try:
        answer = await client.apply(pod, manager=keys.CLI_MANAGER, dry_run=True, resource=PODS)
    except Forbidden as refusal:
        # Also what comes before: the account, or the priority class, not known to admission yet.
        raise NotYet(refusal.message) from refusal
    if answer["spec"].get("hostUsers") is not False:
        raise NotYet("hostUsers: false is not put into pods yet")


def _canary(kind: str, spec: dict[str, Any]) -> Object:
    metadata = {"name": "canary", "namespace": CANARY}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}


async def wait_until_available(client: Client, name: str, namespace: str, timeout_s: float) -> str:
    """Wait until every replica of this version answers that it is ready; what its pods say is the account."""

    async def look() -> str | None:
        found = await client.get(DEPLOYMENTS, name, namespace)
        wanted = found["spec"]["replicas"]
        status = found.get("status", {})
        updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
        is_seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        is_old_gone = status.get("replicas", 0) == updated
        if is_seen and is_old_gone and updated == wanted <= available:
            return f"{available} of {wanted} replicas"
        raise NotYet(
            f"{available} of {wanted} replicas are available{await _trouble(client, name, namespace)}"
        )

    what = f"Deployment {namespace}/{name} available"
    return await wait_until(look, what=what, timeout_s=timeout_s)


async def _trouble(client: Client, name: str, namespace: str) -> str:
    pods = await client.list(PODS, namespace, labels=f"app.kubernetes.io/name={name}")
    words = [words for pod in pods for words in _words_of(pod)]
    return f" ({'; '.join(words)})" if words else ""


def _words_of(pod: Object) -> Iterable[str]:
    status = pod.get("status", {})
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            yield f"not scheduled: {condition.get('message', '')}"
    for container in status.get("containerStatuses") or ():
        waiting = container["state"].get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating"):
            yield f"{waiting['reason']}: {waiting.get('message', '')}"


def fitting(objects: Sequence[Object], *, mutates: bool) -> tuple[Object, ...]:
    """The objects that this cluster can hold."""
    return tuple(objects) if mutates else installation.without_mutation(objects)
