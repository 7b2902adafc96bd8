"""What a server wrote into objects that were read back from a cluster, taken out."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from kubepreview.render.manifests import Change, Manifest

_SERVERS = frozenset(
    {
        "creationTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
        "ownerReferences",
    }
)


def tidy(manifests: Iterable[Manifest]) -> Change:
    """Without status, and without metadata that only a server may write."""
    changes = [_tidied(manifest) for manifest in manifests]
    return Change(
        tuple(manifest for manifest, _ in changes),
        tuple(
            f"{manifest.title}: left out what only a cluster writes: {', '.join(gone)}"
            for manifest, gone in changes
            if gone
        ),
    )


def _tidied(manifest: Manifest) -> tuple[Manifest, list[str]]:
    # Tools write `status: {}` and `creationTimestamp: null`: that says nothing, and goes without a note.
    obj = copy.copy(manifest.object)
    gone = ["status"] if obj.pop("status", None) else []
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _SERVERS}
    gone += sorted(key for key in obj["metadata"].keys() - metadata.keys() if obj["metadata"][key])
    return Manifest(object={**obj, "metadata": metadata}, where=manifest.where), gone
