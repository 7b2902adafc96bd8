"""The last step: one order, one spelling, and the size that a preview may have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from kubepreview.core.kinds import ALLOWED
from kubepreview.core.wire import Object
from kubepreview.errors import Problem
from kubepreview.render.manifests import Manifest

MAX_OBJECTS = 100
MAX_BYTES = 512 * 1024

_PLACES = {kind: place for place, kind in enumerate(ALLOWED)}


def ordered(manifests: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """What others read comes first (configuration, Services, workloads), then by kind and name."""
    return tuple(sorted(manifests, key=_place))


def canonical(objects: Sequence[Object]) -> bytes:
    """The objects as JSON, the same bytes for the same objects."""
    text = json.dumps(
        list(objects), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def beyond_limits(objects: Sequence[Object], where: str) -> list[Problem]:
    """A problem each for too many and too large."""
    problems = []
    if len(objects) > MAX_OBJECTS:
        what = f"{len(objects)} objects; a preview holds at most {MAX_OBJECTS}"
        problems.append(Problem(where=where, what=what, cure="leave out what the preview does not need"))
    size = len(canonical(objects))
    if size > MAX_BYTES:
        largest = max(objects, key=lambda obj: len(canonical([obj])))
        name = f"{largest['kind']}/{largest['metadata']['name']}"
        what = f"{size // 1024} KiB of objects; a preview holds at most {MAX_BYTES // 1024} KiB"
        cure = f"leave out generated data; the largest is {name} with {len(canonical([largest])) // 1024} KiB"
        problems.append(Problem(where=where, what=what, cure=cure))
    return problems


def _place(manifest: Manifest) -> tuple[int, str, str, str]:
    obj = manifest.object
    place = _PLACES.get((obj["apiVersion"], obj["kind"]), len(_PLACES))
    return place, obj["kind"], obj["metadata"]["name"], obj["apiVersion"]
