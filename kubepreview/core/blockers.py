"""What keeps a namespace in Terminating, by name: the objects with finalizers, and the cluster's own words.

Objects are noted while the preview is closing, because the right to read them goes with the namespace's
RoleBindings; what others put there is told by the namespace's conditions.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from kubepreview.core.observed import Observed
from kubepreview.core.wire import Object

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
# Finalizers of Kubernetes itself, which its own controllers take away.
_OWN: Final = ("kubernetes.io/", "foregroundDeletion", "orphan", "batch.kubernetes.io/")
# An ordinary deletion shows remaining content for a few seconds; only what stays longer blocks.
PATIENCE: Final = dt.timedelta(seconds=10)


def held_objects(observed: Observed) -> tuple[str, ...]:
    """The objects that somebody's finalizer holds, one sentence each."""
    return tuple(
        sentence for obj in (*observed.objects.values(), *observed.pods) if (sentence := _sentence(obj))
    )


def blockers(observed: Observed, held: tuple[str, ...], now: dt.datetime) -> tuple[str, ...]:
    """One sentence for each blocker; empty while the namespace may still go by itself.

    `held` is what `held_objects` said before the namespace began to go.
    """
    since = observed.terminating_since
    if observed.namespace is None or since is None or now - since < PATIENCE:
        return ()
    conditions = observed.namespace.get("status", {}).get("conditions", ())
    messages = (
        each["message"] for each in conditions if each["type"] in _REMAINING and each["status"] == "True"
    )
    return tuple(dict.fromkeys((*held, *messages)))


def _sentence(obj: Object) -> str:
    finalizers = [each for each in obj["metadata"].get("finalizers") or () if not each.startswith(_OWN)]
    if not finalizers:
        return ""
    name = f"{obj.get('kind', 'Pod')}/{obj['metadata']['name']}"
    return f"{name} is held by its finalizer {', '.join(finalizers)}; remove it, or run what removes it"
