"""Compares a preview with the stable deployment beside it, once for each commit that is applied.

While its pods start, and not when they serve: nobody waits for it then.
"""

from __future__ import annotations

import asyncio
from typing import Final

from kubepreview.controller.tools import Tools
from kubepreview.core import artifact, comparison
from kubepreview.core.model import Compared, Preview, PreviewStatus
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wire import Object
from kubepreview.errors import KubepreviewError
from kubepreview.kube.resources import DAEMON_SETS, DEPLOYMENTS, PODS, STATEFUL_SETS
from kubepreview.kube.together import together
from kubepreview.render.placing import place_of, placed

_WITHIN_S: Final = 3.0
_WORKLOADS: Final = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)


async def compare(
    tools: Tools, preview: Preview, project: ProjectSpec, new: PreviewStatus
) -> Compared | None:
    """What stands in the new status from now on; as before, where nothing new is applied or can be read."""
    before, sha = preview.status.compared, preview.spec.revision.sha
    is_known = before is not None and (before.sha, before.namespace) == (sha, project.baseline.namespace)
    if new.applied_sha != sha or is_known:
        return before
    try:
        async with asyncio.timeout(_WITHIN_S):
            stable, pods = await _look(tools, project.baseline.namespace)
        found = _differences(preview, project, stable, pods)
    except (KubepreviewError, TimeoutError) as error:
        tools.log.warning("not compared", preview=preview.metadata.name, error=str(error) or repr(error))
        return before
    return Compared(sha=sha, at=tools.now(), namespace=project.baseline.namespace, differences=found)


async def _look(tools: Tools, namespace: str) -> tuple[list[Object], list[Object]]:
    reads = (tools.cluster.list(each, namespace) for each in (PODS, *_WORKLOADS))
    pods, *workloads = await together(reads, at_once=len(_WORKLOADS) + 1)
    return [obj for each in workloads for obj in each], pods


def _differences(
    preview: Preview, project: ProjectSpec, stable: list[Object], pods: list[Object]
) -> tuple[str, ...]:
    """The stable deployment's objects as they would be here: its host and namespace are no difference."""
    if not stable:
        return (f"nothing runs in {project.baseline.namespace}",)
    objects = preview.spec.manifests
    services = [obj for obj in objects if obj["kind"] == "Service"]
    place = place_of(project, preview.spec.pull_request.number)
    moved = placed([*services, *stable], artifact.HOST, place)
    return comparison.differences(objects, moved, comparison.digests_of(pods))
