"""Images: the pull request's own put in by name, every other one held to the digest that its tag has now."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence

from kubepreview.core.images import Reference
from kubepreview.core.kinds import as_mapping, pod_template
from kubepreview.core.wire import Object
from kubepreview.errors import InvalidInput, KubepreviewError, NotFound, Problem
from kubepreview.render.manifests import Change, Manifest

Resolve = Callable[[str], Awaitable[str]]
"""A reference with a tag → the same image by digest. Raises NotFound if the registry does not have it."""

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_AT_ONCE = 8


async def pinned(
    manifests: Sequence[Manifest], images: Mapping[str, Reference], resolve: Resolve | None
) -> Change:
    """Put `images` in the place of the images of those names, and digests in the place of tags."""
    users: dict[str, Manifest] = {}
    for manifest in manifests:
        for holder, key in _images(manifest.object):
            users.setdefault(holder[key], manifest)
    references, problems = _parsed(users)
    problems += _unused(images, references.values())
    new = {text: images[ref.name] for text, ref in references.items() if ref.name in images}
    notes = [f"image {text}: now {ref}" for text, ref in sorted(new.items())]
    tagged = [text for text, ref in sorted(references.items()) if not new.get(text, ref).digest]
    if resolve is None:
        notes += [f"image {text}: has no digest; what it stands for may change" for text in tagged]
    else:
        found = await _resolved({text: str(new.get(text, references[text])) for text in tagged}, resolve)
        for text, answer in found.items():
            if isinstance(answer, NotFound):
                problems.append(users[text].problem(f"has image {text}: {answer.message}", answer.hint))
            else:
                new[text] = answer
                notes.append(f"image {text}: held to {answer.digest}, which its tag stands for now")
    return Change(tuple(_with(manifest, new) for manifest in manifests), tuple(notes), tuple(problems))


def _images(obj: Object) -> Iterator[tuple[Object, str]]:
    """Where an object names images: the mapping, and its key."""
    spec = as_mapping(as_mapping(pod_template(obj)).get("spec"))
    for group in _CONTAINERS:
        for container in _mappings(spec.get(group)):
            if isinstance(container.get("image"), str):
                yield container, "image"
    for volume in _mappings(spec.get("volumes")):
        image = as_mapping(volume.get("image"))
        if isinstance(image.get("reference"), str):
            yield image, "reference"


def _mappings(value: object) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _parsed(users: Mapping[str, Manifest]) -> tuple[dict[str, Reference], list[Problem]]:
    references, problems = {}, []
    for text, manifest in users.items():
        try:
            references[text] = Reference.parse(text)
        except InvalidInput as error:
            problems.append(manifest.problem(f"has an image that is none: {error.message}", error.hint))
    return references, problems


def _unused(images: Mapping[str, Reference], used: Collection[Reference]) -> list[Problem]:
    """An image that was built and goes nowhere means a preview of something else."""
    names, digests = {ref.name for ref in used}, {ref.digest for ref in used} - {""}
    known = ", ".join(sorted(names)) or "none"
    return [
        Problem(
            where="preview.yml: images",
            what=f"no container has the image {name!r}",
            cure=f"there are: {known}",
        )
        for name, ref in sorted(images.items())
        # A chart that took the digest as a value has it already.
        if name not in names and ref.digest not in digests
    ]


async def _resolved(tagged: Mapping[str, str], resolve: Resolve) -> dict[str, Reference | NotFound]:
    """What each stands for, a few at a time. A registry that gives no answer fails the whole."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(text: str) -> Reference | KubepreviewError:
        async with turns:
            try:
                return Reference.parse(await resolve(text))
            except KubepreviewError as error:
                return error

    async with asyncio.TaskGroup() as group:
        tasks = {text: group.create_task(one(reference)) for text, reference in tagged.items()}
    found: dict[str, Reference | NotFound] = {}
    for text, task in tasks.items():
        answer = task.result()
        if isinstance(answer, KubepreviewError) and not isinstance(answer, NotFound):
            raise answer
        found[text] = answer
    return found


def _with(manifest: Manifest, new: Mapping[str, Reference]) -> Manifest:
    if not any(holder[key] in new for holder, key in _images(manifest.object)):
        return manifest
    obj = copy.deepcopy(manifest.object)
    for holder, key in _images(obj):
        holder[key] = str(new.get(holder[key], holder[key]))
    return Manifest(object=obj, where=manifest.where)
