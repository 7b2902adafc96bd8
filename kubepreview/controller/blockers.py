"""Names what keeps a namespace in Terminating, as exactly as the apiserver lets us see it."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from kubepreview.controller.together import together
from kubepreview.core import kinds
from kubepreview.core.model import Object
from kubepreview.core.observed import Observed
from kubepreview.kube.client import Client
from kubepreview.kube.errors import Forbidden
from kubepreview.kube.resources import PODS, Resource

# What the namespace controller sets while something remains; its messages name kinds and finalizers.
_REMAINING: Final = frozenset(
    {
        "NamespaceContentRemaining",
        "NamespaceFinalizersRemaining",
        "NamespaceDeletionContentFailure",
        "NamespaceDeletionDiscoveryFailure",
        "NamespaceDeletionGroupVersionParsingFailure",
    }
)
# An ordinary deletion shows remaining content for a few seconds; only what stays longer blocks.
PATIENCE: Final = dt.timedelta(seconds=10)
_PLURAL: Final = re.compile(r"([a-z0-9]+)\.([a-z0-9.-]*) has \d+ resource instance")


async def blockers(cluster: Client, observed: Observed, now: dt.datetime) -> tuple[str, ...]:
    """One sentence for each object or finalizer that blocks; empty while there is still hope."""
    if observed.namespace is None or not observed.is_terminating:
        return ()
    since = dt.datetime.fromisoformat(observed.namespace["metadata"]["deletionTimestamp"])
    if now - since < PATIENCE:
        return ()
    messages = [
        each["message"]
        for each in observed.namespace.get("status", {}).get("conditions", ())
        if each["type"] in _REMAINING and each["status"] == "True"
    ]
    space = observed.namespace["metadata"]["name"]
    resources = {found for message in messages for found in _resources_in(message)}
    named = await together(_holding(cluster, space, each) for each in sorted(resources, key=str))
    return tuple(dict.fromkeys((*(line for lines in named for line in lines), *messages)))


def _resources_in(message: str) -> list[Resource]:
    known = {
        (kind.plural, kind.group): Resource(
            kind.group, kind.api_version.rpartition("/")[2], kind.plural, kind.kind, namespaced=True
        )
        for kind in kinds.ALLOWED.values()
    } | {("pods", ""): PODS}
    found = (known.get((plural, group)) for plural, group in _PLURAL.findall(message))
    return [each for each in found if each is not None]


async def _holding(cluster: Client, space: str, resource: Resource) -> list[str]:
    try:
        objects = await cluster.list(resource, space)
    except Forbidden:
        return []  # the namespace's own message, which names the kind, has to do
    return [_sentence(obj) for obj in objects]


def _sentence(obj: Object) -> str:
    name = f"{obj['kind']}/{obj['metadata']['name']}"
    finalizers = obj["metadata"].get("finalizers") or ()
    if finalizers:
        return f"{name} is held by its finalizer {', '.join(finalizers)}; remove it, or run what removes it"
    return f"{name} is still there"
