"""What a preview has otherwise than the stable deployment beside which it stands: by name, never by value.

The comparison goes where everybody reads who sees the pull request, and the stable deployment's values are
none of theirs: of a variable only its name is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kubepreview.core.images import Reference
from kubepreview.core.kinds import as_list, as_mapping, kind_of, pod_template, ref_of
from kubepreview.core.wire import Object
from kubepreview.errors import InvalidInput

MOST: Final = 20
_MAX_LENGTH: Final = 512
_RUN_ONCE: Final = frozenset({"Job", "CronJob", "Pod"})


def differences(
    objects: Iterable[Object], stable: Iterable[Object], digests: Mapping[str, str]
) -> tuple[str, ...]:
    """A sentence for each workload that differs, the first `MOST` of them.

    `stable`: the workloads of the stable deployment, as they would be in the preview's place. `digests`: of
    the images that run there, by the name that its manifests give them.
    """
    ours, theirs = _workloads(objects), _workloads(stable)
    found = [
        _difference(name, ours.get(name), theirs.get(name), digests) for name in sorted({*ours, *theirs})
    ]
    told = [each[:_MAX_LENGTH] for each in found if each]
    left = len(told) - MOST
    return (*told[:MOST], *([f"and {left} more"] if left > 0 else []))


def digests_of(pods: Iterable[Object]) -> dict[str, str]:
    """The digest that each image has, by the name that is written for it, as the nodes say."""
    return {image: digest for pod in pods for image, digest in _running(pod)}


def _running(pod: Object) -> Iterator[tuple[str, str]]:
    statuses = map(as_mapping, as_list(as_mapping(pod.get("status")).get("containerStatuses")))
    known = {each.get("name"): str(each.get("imageID", "")).rpartition("@")[2] for each in statuses}
    for container in map(as_mapping, as_list(as_mapping(pod.get("spec")).get("containers"))):
        digest = known.get(container.get("name"), "")
        if digest.startswith("sha256:"):
            yield str(container.get("image", "")), digest


def _workloads(objects: Iterable[Object]) -> dict[str, Object]:
    return {
        f"{obj['kind']}/{obj['metadata']['name']}": obj
        for obj in objects
        if pod_template(obj) is not None and kind_of(ref_of(obj)).kind not in _RUN_ONCE
    }


def _difference(name: str, ours: Object | None, theirs: Object | None, digests: Mapping[str, str]) -> str:
    if ours is None or theirs is None:
        return f"{name}: only here" if ours else f"{name}: only there"
    parts = [
        part
        for group in ("initContainers", "containers")
        for part in _parts(_containers(ours, group), _containers(theirs, group), digests)
    ]
    return f"{name}: {', '.join(parts)}" if parts else ""


def _containers(workload: Object, group: str) -> dict[str, Object]:
    spec = as_mapping(as_mapping(pod_template(workload)).get("spec"))
    return {str(each.get("name")): each for each in map(as_mapping, as_list(spec.get(group)))}


def _parts(
    ours: Mapping[str, Object], theirs: Mapping[str, Object], digests: Mapping[str, str]
) -> Iterator[str]:
    for name in sorted({*ours, *theirs}):
        mine, other = ours.get(name), theirs.get(name)
        if mine is None or other is None:
            yield f"container {name} (only {'here' if mine else 'there'})"
            continue
        of = f" of {name}" if len({*ours, *theirs}) > 1 else ""
        if _are_other_images(mine, other, digests):
            yield f"image{of}"
        yield from (f"{key}{of}" for key in ("command", "args") if mine.get(key) != other.get(key))
        yield from (f"{each}{of}" for each in _variables(mine, other))


def _are_other_images(mine: Object, other: Object, digests: Mapping[str, str]) -> bool:
    """Of one that is known by a tag only it is not known that it is another."""
    (name, digest), (others, other_digest) = _image(mine, {}), _image(other, digests)
    return name != others or (bool(digest and other_digest) and digest != other_digest)


def _image(container: Object, digests: Mapping[str, str]) -> tuple[str, str]:
    """Name and digest."""
    written = str(container.get("image", ""))
    try:
        image = Reference.parse(written)
    except InvalidInput:
        return written, ""
    return f"{image.registry}/{image.repository}", image.digest or digests.get(written, "")


def _variables(mine: Object, other: Object) -> Iterator[str]:
    ours, theirs = _environment(mine), _environment(other)
    for name in sorted({*ours, *theirs}):
        if name not in theirs:
            yield f"variable {name} (only here)"
        elif name not in ours:
            yield f"variable {name} (only there)"
        elif ours[name] != theirs[name]:
            yield f"variable {name}"


def _environment(container: Object) -> dict[str, Any]:
    """By name; what the apiserver puts into a reference by itself is left out."""
    found = {}
    for each in map(as_mapping, as_list(container.get("env"))):
        source = as_mapping(each.get("valueFrom"))
        fields = {
            key: {name: value for name, value in as_mapping(part).items() if name not in _DEFAULTED}
            for key, part in source.items()
        }
        found[str(each.get("name"))] = fields or str(each.get("value") or "")
    return found


_DEFAULTED: Final = frozenset({"apiVersion", "divisor", "optional"})
