"""Writes what was found into the Preview's status, and tells of changes as Events."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kubepreview.controller.tools import Tools
from kubepreview.core import keys, status
from kubepreview.core.health import Trouble
from kubepreview.core.model import Condition, Failure, Object, ObjectRef, Preview, PreviewStatus
from kubepreview.errors import KubepreviewError
from kubepreview.kube import events

_LOG_LINES = 20
_LOG_LINE_CHARACTERS = 512


async def write_status(tools: Tools, preview: Preview, new: PreviewStatus) -> Preview:
    """The preview with its new status; nothing is sent when nothing changed."""
    if new == preview.status:
        return preview
    answer = await tools.cluster.apply(
        {**_identity(preview), "status": msgspec.to_builtins(new)}, manager=keys.MANAGER, subresource="status"
    )
    written = msgspec.convert(answer, Preview)
    await _tell(tools, preview, written)
    return written


async def record_inventory(tools: Tools, preview: Preview, refs: Sequence[ObjectRef]) -> None:
    """Put the objects that are about to be applied on record, and leave the rest of the status as it is."""
    if set(refs) <= set(preview.status.inventory):
        return
    await write_status(tools, preview, msgspec.structs.replace(preview.status, inventory=tuple(refs)))


async def failure_of(tools: Tools, preview: Preview, space: str, trouble: Trouble | None) -> Failure | None:
    """The trouble with the container's last words; read once, as the words of an end do not change."""
    if trouble is None:
        return None
    before = preview.status.failure
    said = (trouble.object, trouble.reason, trouble.message)
    if before and (before.object, before.reason, before.message) == said:
        return before
    lines: tuple[str, ...] = ()
    if trouble.container:
        lines = await _last_lines(tools, space, trouble)
    return Failure(
        object=trouble.object[:1024], reason=trouble.reason, message=trouble.message[:4096], log_tail=lines
    )


async def _last_lines(tools: Tools, space: str, trouble: Trouble) -> tuple[str, ...]:
    try:
        text = await tools.cluster.logs(
            space, trouble.pod, container=trouble.container, tail_lines=_LOG_LINES, previous=True
        )
    except KubepreviewError as error:
        return (f"(its log could not be read: {error.message})"[:_LOG_LINE_CHARACTERS],)
    return tuple(line[:_LOG_LINE_CHARACTERS] for line in text.splitlines()[-_LOG_LINES:])


def _identity(preview: Preview) -> Object:
    metadata = preview.metadata
    return {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        # The UID makes it this very Preview: a deleted one is not written into its successor.
        "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
    }


async def _tell(tools: Tools, before: Preview, after: Preview) -> None:
    """One Event for each condition whose reason changed, and one line in the log for Ready."""
    for condition in after.status.conditions:
        old = status.find(before.status, condition.type)
        if old and (old.status, old.reason) == (condition.status, condition.reason):
            continue
        if condition.type == status.READY:
            tools.log.info(
                "preview changed",
                preview=f"{after.metadata.namespace}/{after.metadata.name}",
                ready=condition.status,
                reason=condition.reason,
                message=condition.message,
            )
        if condition.status != "Unknown" and condition.type != status.ASLEEP:
            await _emit(tools, after, condition)


async def _emit(tools: Tools, preview: Preview, condition: Condition) -> None:
    is_trouble = condition.status == "False" and condition.reason not in _ORDINARY
    try:
        await events.emit(
            tools.cluster,
            regarding=_identity(preview),
            type="Warning" if is_trouble else "Normal",
            reason=condition.reason,
            action=condition.type,
            note=condition.message or condition.reason,
            controller=keys.GROUP + "/controller",
            now=tools.now,
        )
    except KubepreviewError as error:
        # The status, which is written, is the truth; an Event is only its echo.
        tools.log.warning("event not written", reason=condition.reason, error=error.message)


# Reasons for a False that belong to the ordinary course of things.
_ORDINARY = frozenset(
    {"Waiting", "Progressing", "Closing", "Closed", "NotProbed", "BadAnswer", "OtherRevision"}
)
