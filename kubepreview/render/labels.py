"""The product's labels on every object and pod template; selectors stay as the author wrote them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from kubepreview.core.kinds import as_mapping, pod_template
from kubepreview.core.wire import Object
from kubepreview.errors import Problem
from kubepreview.render.manifests import Change, Manifest


def added(manifests: Iterable[Manifest], labels: Mapping[str, str]) -> Change:
    """With `labels`. Where an author gave one of them another value, a selector may rely on it: a problem."""
    changed, problems = [], []
    for manifest in manifests:
        result = Manifest(object=copy.deepcopy(manifest.object), where=manifest.where)
        template = pod_template(result.object)
        holders = [result.object] if template in (None, result.object) else [result.object, template]
        for holder in holders:
            problems.extend(_label(as_mapping(holder), labels, manifest))
        changed.append(result)
    return Change(tuple(changed), problems=tuple(problems))


def _label(holder: Object, labels: Mapping[str, str], manifest: Manifest) -> list[Problem]:
    metadata = _mapping_at(holder, "metadata")
    own = _mapping_at(metadata, "labels")
    clashes = [key for key, value in labels.items() if own.get(key, value) != value]
    own.update(labels)
    return [
        manifest.problem(f"has the label {key}, which is for kubepreview to set", "remove the label")
        for key in clashes
    ]


def _mapping_at(holder: Object, key: str) -> dict[str, Any]:
    """The mapping at a key, put there if need be. Another shape stays, for the apiserver to refuse."""
    if holder.get(key) is None:
        holder[key] = {}
    return as_mapping(holder[key])
