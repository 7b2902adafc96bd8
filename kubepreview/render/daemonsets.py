"""A DaemonSet, which would cost every node a pod, becomes a Deployment of one replica."""

from __future__ import annotations

from collections.abc import Sequence

from kubepreview.core.kinds import DAEMON_SET, as_mapping
from kubepreview.render.manifests import Change, Manifest

# What the two kinds share. Their update strategies differ (one counts nodes, the other replicas), and
# with one replica the Deployment's default is right: the new pod is ready before the old one goes.
_SHARED = ("selector", "template", "minReadySeconds", "revisionHistoryLimit")


def as_deployments(manifests: Sequence[Manifest]) -> Change:
    """Each DaemonSet as a Deployment of the same name, selector and pod template."""
    deployments = {manifest.title for manifest in manifests if manifest.object["kind"] == "Deployment"}
    changed, notes, problems = [], [], []
    for manifest in manifests:
        if not _is_daemon_set(manifest):
            changed.append(manifest)
            continue
        deployment = _deployment(manifest)
        changed.append(deployment)
        notes.append(f"{manifest.title}: now a Deployment with one replica; its updateStrategy is left out")
        if deployment.title in deployments:
            cure = "give one of them another name, or keep DaemonSets in the project"
            problems.append(
                manifest.problem(f"would become {deployment.title}, which is there already", cure)
            )
    return Change(tuple(changed), tuple(notes), tuple(problems))


def _is_daemon_set(manifest: Manifest) -> bool:
    return (manifest.object["apiVersion"], manifest.object["kind"]) == (
        DAEMON_SET.api_version,
        DAEMON_SET.kind,
    )


def _deployment(manifest: Manifest) -> Manifest:
    spec = as_mapping(manifest.object.get("spec"))
    kept = {key: spec[key] for key in _SHARED if key in spec}
    obj = {**manifest.object, "kind": "Deployment", "spec": {"replicas": 1, **kept}}
    return Manifest(object=obj, where=manifest.where)
