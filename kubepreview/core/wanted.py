"""What a preview asks for, as the objects that should be in the cluster."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from kubepreview.core import egress, guardrails, keys, kinds, names
from kubepreview.core.gateway import Sleeper
from kubepreview.core.kinds import as_mapping
from kubepreview.core.model import Entry, ObjectRef, Preview
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wire import Object


class Lookout(Struct, frozen=True, kw_only=True):
    """For a preview that falls asleep by itself `since` then: look for its visitors, for `longest_s` each."""

    since: dt.datetime
    now: dt.datetime
    longest_s: int


class Wanted(Struct, frozen=True, kw_only=True):
    """The objects of one revision of one preview, each with its hash, in the order they are applied."""

    space: str
    labels: Mapping[str, str]
    host: str
    url: str
    sha: str
    entry: Entry
    revision_path: str
    namespace: Object
    guardrails: tuple[Object, ...]
    objects: tuple[Object, ...]
    route: Object
    sleeper: Sleeper
    egress: tuple[str, ...] = ()
    is_asleep: bool = False
    lookout: Lookout | None = None

    @property
    def refs(self) -> tuple[ObjectRef, ...]:
        """The pull request's objects, by kind and name."""
        return tuple(kinds.ref_of(obj) for obj in self.objects)


def wanted(project: ProjectSpec, preview: Preview, entry: Entry, *, is_asleep: bool = False) -> Wanted:
    """Everything an open preview should have. The preview is accepted (`core.acceptance`) before.

    A workload that sleeps stays the object that its author wrote, without pods (`core.scales`); a bare Pod
    is its own pod, and is not wanted then.
    """
    number = preview.spec.pull_request.number
    space = names.namespace_name(project, number)
    objects = tuple(
        _decorated(obj, space, preview)
        for obj in preview.spec.manifests
        if not (is_asleep and obj["kind"] == "Pod")
    )
    return Wanted(
        space=space,
        labels=guardrails.preview_labels(preview),
        host=names.host_name(project, number),
        url=names.url(project, number),
        sha=preview.spec.revision.sha,
        entry=entry,
        revision_path=project.revision_path,
        namespace=hashed(guardrails.namespace(project, preview)),
        guardrails=tuple(hashed(obj) for obj in guardrails.guardrails(project, preview)),
        objects=tuple(hashed(obj) for obj in kinds.in_order(objects)),
        route=hashed(_route(project, preview, entry)),
        egress=tuple(map(egress.described, project.egress)),
        sleeper=Sleeper(
            name=space,
            host=names.host_name(project, number),
            passive_agents=project.passive_agents,
        ),
        is_asleep=is_asleep,
    )


def applied_hash(obj: Object) -> str:
    """The hash that was written with an object, or nothing."""
    annotations = obj.get("metadata", {}).get("annotations") or {}
    return str(annotations.get(keys.APPLIED_HASH, ""))


def hashed(obj: Object) -> Object:
    """The object, with the hash of itself."""
    digest = hashlib.sha256(msgspec.json.encode(obj, order="deterministic")).hexdigest()[:32]
    annotations = {**(obj["metadata"].get("annotations") or {}), keys.APPLIED_HASH: digest}
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def _decorated(manifest: Object, space: str, preview: Preview) -> Object:
    """The author's object, with the labels that make it ours and the priority that never preempts."""
    obj = copy.deepcopy(manifest)
    labels = {**guardrails.preview_labels(preview), keys.ORIGIN: keys.ORIGIN_PULL_REQUEST}
    _add_labels(obj, labels)
    obj["metadata"]["namespace"] = space
    template = kinds.pod_template(obj)
    if template is not None:
        _add_labels(template, labels)
        # The Priority plugin runs before any admission policy could put it in, so it is put in here;
        # a policy then requires it of every pod.
        template["spec"] = {**as_mapping(template.get("spec")), "priorityClassName": keys.PRIORITY_CLASS}
    return obj


def _add_labels(obj: Object, labels: dict[str, str]) -> None:
    metadata = as_mapping(obj.get("metadata"))
    obj["metadata"] = {**metadata, "labels": {**as_mapping(metadata.get("labels")), **labels}}


def _route(project: ProjectSpec, preview: Preview, entry: Entry) -> Object:
    """The one route, written from validated fields only; nothing of the author's Ingress reaches it."""
    number = preview.spec.pull_request.number
    port = {"number": entry.port} if isinstance(entry.port, int) else {"name": entry.port}
    backend = {"service": {"name": entry.service, "port": port}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": keys.GUARD,
            "namespace": names.namespace_name(project, number),
            "labels": {**guardrails.preview_labels(preview), keys.ORIGIN: keys.ORIGIN_PRODUCT},
        },
        "spec": {
            "ingressClassName": project.route.ingress_class_name,
            "rules": [
                {
                    "host": names.host_name(project, number),
                    "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                }
            ],
        },
    }
