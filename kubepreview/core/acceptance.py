"""May this preview be built at all? Decided from the two objects alone, before anything is touched."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from kubepreview.core import approvals, kinds, names, podcheck, precheck, selection, taking
from kubepreview.core.model import Entry, ObjectRef, Preview
from kubepreview.core.project_spec import PreviewProject, ProjectSpec
from kubepreview.core.wire import Object

# The apiserver cannot measure a list of objects of unknown shape, so this bound is kept here; its own
# bound on a request (1.5 MiB) lies above.
MAX_MANIFEST_BYTES: Final = 512 * 1024
_MAX_LABEL = 63


class Accepted(Struct, frozen=True):
    """It may; these are the decisions to build it by."""

    project: ProjectSpec
    entry: Entry


class Rejected(Struct, frozen=True):
    """It may not. `message` names the object or field, the rule, and the cure."""

    reason: str
    message: str


def without_project(preview: Preview) -> Rejected:
    """The verdict where the project is not there."""
    return Rejected(
        "ProjectNotFound",
        f"PreviewProject {preview.metadata.namespace}/{preview.spec.project} does not exist; "
        "create it with `kubepreview project create`",
    )


def accept(preview: Preview, project: PreviewProject) -> Accepted | Rejected:
    """Judge an open preview against its project."""
    return (
        _host_problem(preview, project.spec)
        or _not_selected(preview, project.spec)
        or _awaited(preview)
        or _fork_problem(preview, project.spec)
        or _content(preview, project.spec)
    )


def _content(preview: Preview, project: ProjectSpec) -> Accepted | Rejected:
    entry = preview.spec.entry
    if not isinstance(entry, Entry):
        return Rejected("EntryMissing", "spec.entry is missing: name the Service, port and path to serve")
    return (
        _manifest_problem(preview)
        or _entry_problem(preview, entry)
        or _rule_problem(preview, project)
        or Accepted(project, entry)
    )


def _host_problem(preview: Preview, project: ProjectSpec) -> Rejected | None:
    host = names.host_name(project, preview.spec.pull_request.number)
    if any(len(label) > _MAX_LABEL for label in host.split(".")):
        return Rejected(
            "HostTooLong",
            f"the host {host} has a label longer than {_MAX_LABEL} characters; "
            "shorten the project's hostPattern",
        )
    return None


def _not_selected(preview: Preview, project: ProjectSpec) -> Rejected | None:
    found = selection.why_not(preview, project.pull_requests)
    return Rejected(*found) if found else None


def _awaited(preview: Preview) -> Rejected | None:
    if not taking.is_awaited(preview.spec.artifact):
        return None
    sha = preview.spec.revision.sha[:7]
    return Rejected(taking.BUILDING, f"{sha} is being built: waiting for {preview.spec.artifact}")


def _fork_problem(preview: Preview, project: ProjectSpec) -> Rejected | None:
    if not preview.spec.pull_request.from_fork:
        return None
    if project.forks == "Off":
        return Rejected(
            "ForksOff",
            "the pull request comes from a fork, and the project's forks is Off; "
            "push the branch to the repository itself",
        )
    if approvals.is_approved(preview):
        return None
    sha = preview.spec.revision.sha
    return Rejected(
        "ApprovalMissing",
        f"the pull request comes from a fork, and nobody has approved {sha}; look at "
        f"{approvals.to_look_at(preview, project)}, and then "
        f"`kubepreview approve {preview.spec.pull_request.number} --sha {sha}`",
    )


def _manifest_problem(preview: Preview) -> Rejected | None:
    size = len(msgspec.json.encode(preview.spec.manifests))
    if size > MAX_MANIFEST_BYTES:
        return Rejected(
            "ManifestsTooLarge",
            f"the manifests are {size} bytes; at most {MAX_MANIFEST_BYTES} are taken. "
            "Leave out generated data, or load it from the image",
        )
    seen: set[ObjectRef] = set()
    for index, obj in enumerate(preview.spec.manifests):
        if not kinds.is_named(obj):
            return Rejected("ObjectWithoutName", f"manifests[{index}] has no metadata.name; give it one")
        ref = kinds.ref_of(obj)
        problem = _object_problem(obj, ref, seen)
        if problem:
            return problem
        seen.add(ref)
    return None


def _object_problem(obj: Object, ref: ObjectRef, seen: set[ObjectRef]) -> Rejected | None:
    if (ref.api_version, ref.kind) not in kinds.ALLOWED:
        # In the words of the early check, which has none but this to say of such a kind.
        (problem,) = precheck.check((obj,), podcheck.Limits(namespace=""))
        return Rejected("KindNotAllowed", str(problem))
    if ref in seen:
        return Rejected("DuplicateObject", f"{ref.kind}/{ref.name} is in the manifests twice; keep one")
    return None


def _rule_problem(preview: Preview, project: ProjectSpec) -> Rejected | None:
    """The project's own rules, which no apiserver knows: images, DaemonSets, whose namespace is named."""
    limits = podcheck.Limits(
        namespace=names.namespace_name(project, preview.spec.pull_request.number),
        image_prefixes=project.image_prefixes,
        daemon_sets=project.daemon_sets,
    )
    problems = precheck.check_for_controller(preview.spec.manifests, limits)
    return Rejected("ManifestNotAllowed", "\n".join(map(str, problems))) if problems else None


def _entry_problem(preview: Preview, entry: Entry) -> Rejected | None:
    for obj in preview.spec.manifests:
        if obj["kind"] == "Service" and obj["metadata"]["name"] == entry.service:
            return None
    return Rejected(
        "EntryNotFound",
        f"spec.entry names Service {entry.service}, which is not in the manifests; "
        "add it, or name another in preview.yml",
    )
