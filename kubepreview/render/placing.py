"""What of the objects depends on where the preview will be: its host, and what the project decides.

Continuous integration knows it when it may ask the cluster; else the controller puts it in, when it takes
what was published (`core.artifact`).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from kubepreview.core import names
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wire import Object
from kubepreview.errors import InvalidInput
from kubepreview.render import daemonsets, texts
from kubepreview.render.manifests import Manifest

_WHERE = "the artifact"


class Place(Struct, frozen=True, kw_only=True):
    """What the platform team has decided that shapes the objects."""

    host: str
    baseline_host: str = ""
    baseline_namespace: str = ""
    keep_daemon_sets: bool = False


def place_of(project: ProjectSpec, number: int) -> Place:
    """The place of one pull request's preview."""
    return Place(
        host=names.host_name(project, number),
        baseline_host=project.baseline.host,
        baseline_namespace=project.baseline.namespace,
        keep_daemon_sets=project.daemon_sets == "Keep",
    )


def placed(objects: Sequence[Object], written_host: str, place: Place) -> tuple[Object, ...]:
    """Objects that were rendered for no place, in this one. `written_host` stands in them for its host.

    Raises InvalidInput with every problem.
    """
    manifests = tuple(Manifest(object=obj, where=_WHERE) for obj in objects)
    ours = frozenset({place.baseline_namespace} - {""})
    hosts = texts.of_host(written_host, place.host) + texts.of_host(place.baseline_host, place.host)
    change = texts.renamed(manifests, hosts + texts.of_services(manifests, ours))
    if not place.keep_daemon_sets:
        change = daemonsets.as_deployments(change.manifests)
    if change.problems:
        raise InvalidInput("the manifests cannot be a preview of this project", problems=change.problems)
    return tuple(manifest.object for manifest in change.manifests)
