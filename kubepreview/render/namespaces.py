"""A preview's objects name no namespace: they live in the preview's, whatever it is called."""

from __future__ import annotations

from collections.abc import Sequence

from kubepreview.errors import Problem
from kubepreview.render.manifests import Change, Manifest

# Where kubectl puts what names no namespace; to name it or not is the same to most authors.
_DEFAULT = "default"


def own(manifests: Sequence[Manifest], baseline: str) -> frozenset[str]:
    """The namespaces that mean "ours": the baseline's, the one the files bring, the one all agree on."""
    named = [namespace(manifest) for manifest in manifests if not _is_namespace(manifest)]
    brought = {manifest.object["metadata"]["name"] for manifest in manifests if _is_namespace(manifest)}
    ours = {_DEFAULT, baseline} - {""}
    if len(brought) == 1:
        ours |= brought
    if len(set(named)) == 1:
        ours |= set(named)
    return frozenset(ours - {""})


def removed(manifests: Sequence[Manifest], ours: frozenset[str]) -> Change:
    """Without Namespace objects and without metadata.namespace; a foreign namespace is a problem."""
    rest = [manifest for manifest in manifests if not _is_namespace(manifest)]
    used = {namespace(manifest) for manifest in rest} - {"", _DEFAULT}
    notes, problems = [], []
    for manifest in manifests:
        name = namespace(manifest)
        if _is_namespace(manifest):
            problems.extend(_unfit(manifest, used))
            notes.append(f"{manifest.title}: left out; the preview has a namespace of its own")
        elif name and name not in ours:
            cure = "remove metadata.namespace; a preview's objects live in its own namespace"
            problems.append(manifest.problem(f"names the namespace {name!r}", cure))
    moved = sorted({namespace(manifest) for manifest in rest} & ours)
    notes += [f"the namespace {name!r}, which the objects name, is now the preview's" for name in moved]
    return Change(tuple(_without(manifest) for manifest in rest), tuple(notes), tuple(problems))


def namespace(manifest: Manifest) -> str:
    """The namespace that the object names; empty if none."""
    return manifest.object["metadata"].get("namespace") or ""


def _is_namespace(manifest: Manifest) -> bool:
    return (manifest.object["apiVersion"], manifest.object["kind"]) == ("v1", "Namespace")


def _unfit(manifest: Manifest, used: set[str]) -> list[Problem]:
    name = manifest.object["metadata"]["name"]
    if not used or name in used:
        return []
    what = f"is not the namespace that the objects name: {', '.join(sorted(used))}"
    return [manifest.problem(what, "a preview has one namespace; name it in all objects, or in none")]


def _without(manifest: Manifest) -> Manifest:
    metadata = {key: value for key, value in manifest.object["metadata"].items() if key != "namespace"}
    return Manifest(object={**manifest.object, "metadata": metadata}, where=manifest.where)
