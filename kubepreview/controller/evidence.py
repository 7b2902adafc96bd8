"""Keeps what a person needs next week: read before it is gone, and never in the way of what is going on.

What cannot be read is named in the evidence, and what cannot be kept in the log and as an Event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from kubepreview.controller.report import tell_of_evidence
from kubepreview.controller.tools import Tools
from kubepreview.core import evidence, isolation, keys
from kubepreview.core.evidence import Container, Reason, Seen
from kubepreview.core.model import Kept, Preview
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wire import Object
from kubepreview.errors import KubepreviewError
from kubepreview.kube.resources import CONFIGMAPS, EVENTS
from kubepreview.kube.together import together

# All of it together: whoever closes a preview does not wait for a node that does not answer.
_WITHIN_S: Final = 5.0
_MOST_CONTAINERS: Final = 40
_MOST_EVENTS: Final = 500


async def keep(
    tools: Tools, preview: Preview, project: ProjectSpec, reason: Reason, pods: Sequence[Object]
) -> tuple[Kept, ...]:
    """What is kept of the preview from now on; as before, where nothing could be kept."""
    before = preview.status.evidence
    try:
        async with asyncio.timeout(_WITHIN_S):
            seen = await _look(tools, preview.status.namespace, pods)
        now = tools.now()
        found = evidence.evidence(preview, reason, seen, now)
        obj = evidence.kept_object(preview, found, evidence.expires_at(project, now))
        await tools.cluster.apply(obj, manager=keys.MANAGER)
    except (KubepreviewError, TimeoutError) as error:
        await tell_of_evidence(tools, preview, f"evidence was not kept: {error or type(error).__name__}")
        return before
    kept = Kept(reason=reason, sha=found.sha, taken_at=now)
    return (*(each for each in before if each.reason != reason), kept)


async def drop_expired(tools: Tools, namespaces: Sequence[str]) -> None:
    """Delete what has been kept for long enough."""
    for namespace in namespaces:
        for obj in await tools.cluster.list(CONFIGMAPS, namespace, labels=keys.EVIDENCE):
            if evidence.is_expired(obj, tools.now()):
                metadata = obj["metadata"]
                await tools.cluster.delete(CONFIGMAPS, metadata["name"], namespace, uid=metadata["uid"])


async def _look(tools: Tools, space: str, pods: Sequence[Object]) -> Seen:
    unread: list[str] = []

    async def events() -> list[Object]:
        try:
            return (await tools.cluster.list(EVENTS, space))[-_MOST_EVENTS:]
        except KubepreviewError as error:
            unread.append(f"events: {error.message}")
            return []

    async def log(source: Container) -> Container:
        try:
            text = await tools.cluster.logs(
                space,
                source.pod,
                container=source.container,
                tail_lines=evidence.LOG_LINES,
                previous=source.which == "previous",
            )
        except KubepreviewError as error:
            unread.append(f"the {source.which} log of {source.pod}/{source.container}: {error.message}")
            text = ""
        return replace(source, lines=tuple(text.splitlines()))

    sources = list(_containers(pods))
    if len(sources) > _MOST_CONTAINERS:
        unread.append(f"the logs of {len(sources) - _MOST_CONTAINERS} more containers: there are too many")
    logs = together(log(source) for source in sources[:_MOST_CONTAINERS])
    found, read = await asyncio.gather(events(), logs)
    return Seen(events=tuple(found), logs=tuple(each for each in read if each.lines), unread=tuple(unread))


def _containers(pods: Sequence[Object]) -> Iterator[Container]:
    """Those that have said something, or may have; and those that ended before them."""
    for pod in pods:
        status = pod.get("status") or {}
        for part in ("initContainerStatuses", "containerStatuses"):
            for each in status.get(part) or ():
                if each.get("containerID") and not isolation.is_over(each):
                    yield Container(pod=pod["metadata"]["name"], container=each["name"])
                if each.get("restartCount"):
                    yield Container(pod=pod["metadata"]["name"], container=each["name"], which="previous")
