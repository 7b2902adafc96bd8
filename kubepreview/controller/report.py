"""Writes what was found into the Preview's status, and tells of changes as Events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from kubepreview.controller.tools import Tools
from kubepreview.controller.watches import KnownPreview
from kubepreview.core import conditions, keys, masking
from kubepreview.core.actions import Record
from kubepreview.core.model import Condition, Failure, Preview, PreviewStatus, Sleep
from kubepreview.core.pods import Trouble
from kubepreview.core.status import Said
from kubepreview.core.wire import Object
from kubepreview.errors import KubepreviewError
from kubepreview.kube import events
from kubepreview.kube.errors import ObjectNotFound, WriteConflict
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.store import Key

_LOG_LINES = 20
_LOG_LINE_CHARACTERS = 512
# Pauses before each look at a log that may not be there yet.
_LOOK_AFTER_S = (0.0, 0.2, 0.8)
# What the kubelet says, as if it were the log, of a container that it has just removed.
_NO_LOG = "unable to retrieve container logs for "


async def write_status(tools: Tools, preview: Preview, new: PreviewStatus) -> Preview:
    """The preview with its new status; nothing is sent when nothing changed.

    The rest of it stays as this visit has read it: a spec that was written since is for the next one.
    """
    new = _without_theirs(new)
    if new == _without_theirs(preview.status):
        return preview
    answer = await tools.cluster.apply(
        {**_identity(preview), "status": msgspec.to_builtins(new)}, manager=keys.MANAGER, subresource="status"
    )
    written = msgspec.structs.replace(preview, status=msgspec.convert(answer, Preview).status)
    await _tell(tools, preview, written)
    return written


async def write_part(tools: Tools, key: Key, uid: str, part: Object, manager: str) -> None:
    """What one part of this process says in the status, beside all else; not of another Preview, or of none.

    Each part has a field manager of its own, so that none takes away what the others say.
    """
    identity = {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": key[1], "namespace": key[0], "uid": uid},
    }
    with suppress(WriteConflict, ObjectNotFound):
        await tools.cluster.apply({**identity, "status": part}, manager=manager, subresource="status")


async def write_condition(
    tools: Tools, key: Key, known: KnownPreview, said: Said | None, manager: str
) -> None:
    """One condition, as the part of the status that this manager has; None takes it away."""
    before = known.condition(said.type) if said else None
    part: Object = {}
    if said:
        is_same = before is not None and before.status == said.status
        since = before.last_transition_time if before and is_same else msgspec.to_builtins(tools.now())
        condition = msgspec.to_builtins(said)
        observed = {"observedGeneration": known.metadata.generation, "lastTransitionTime": since}
        part = {"conditions": [{**condition, **observed}]}
    await write_part(tools, key, known.metadata.uid, part, manager)


def _without_theirs(status: PreviewStatus) -> PreviewStatus:
    """What is said here; what others of this process write stays theirs, also where it was read here."""
    ours = tuple(each for each in status.conditions if each.type not in conditions.OF_OTHERS)
    return msgspec.structs.replace(status, conditions=ours, feedback=None, command=None, paths=None)


def recorded(preview: Preview) -> Record:
    """What was written down on earlier visits."""
    sleep = preview.status.sleep
    return Record(inventory=preview.status.inventory, scales=sleep.scales if sleep else ())


async def write_record(tools: Tools, preview: Preview, record: Record) -> Preview:
    """The preview with what is about to be done on record, and nothing else changed."""
    status = preview.status
    if not set(record.inventory) <= set(status.inventory):
        status = msgspec.structs.replace(status, inventory=record.inventory)
    if status.sleep and status.sleep.scales != record.scales:
        status = msgspec.structs.replace(
            status, sleep=msgspec.structs.replace(status.sleep, scales=record.scales)
        )
    return await write_status(tools, preview, status)


async def write_sleep(tools: Tools, preview: Preview, sleep: Sleep) -> Preview:
    """The preview with what was decided, before it is put to sleep; as it is, when it is awake."""
    if not sleep.asleep:
        return preview
    return await write_status(tools, preview, msgspec.structs.replace(preview.status, sleep=sleep))


async def expire(tools: Tools, preview: Preview) -> None:
    """Close it because nobody uses it; not if anything was written to it since it was read."""
    if await change(tools, preview, {"state": "Closed", "stateReason": "Expired"}):
        tools.log.info("preview expired", preview=f"{preview.metadata.namespace}/{preview.metadata.name}")


async def change(tools: Tools, preview: Preview, spec: Object) -> bool:
    """Change its spec so; False, and nothing is changed, if anything was written to it since it was read."""
    metadata = preview.metadata
    version = {"uid": metadata.uid, "resourceVersion": metadata.resource_version}
    patch = {"metadata": version, "spec": spec}
    try:
        await tools.cluster.patch(PREVIEWS, metadata.name, patch, metadata.namespace)
    except (WriteConflict, ObjectNotFound):
        return False
    return True


async def tell_of_repairs(tools: Tools, preview: Preview, told: Sequence[str]) -> None:
    """One Event and one line in the log for each object that somebody else had changed."""
    for each in told:
        tools.log.warning("drift", preview=f"{preview.metadata.namespace}/{preview.metadata.name}", what=each)
        await _emit(tools, preview, reason="Drift", note=each, is_good=False)


async def tell_of_evidence(tools: Tools, preview: Preview, told: str) -> None:
    """That something which should be kept is not."""
    tools.log.warning("evidence", preview=f"{preview.metadata.namespace}/{preview.metadata.name}", what=told)
    await _emit(tools, preview, reason="EvidenceNotKept", note=told, is_good=False)


async def failure_of(tools: Tools, preview: Preview, space: str, trouble: Trouble | None) -> Failure | None:
    """The trouble with the container's last words; read once, as the words of an end do not change.

    They go where many can read them, so that they hold none of the preview's secrets.
    """
    if trouble is None:
        return None
    before = preview.status.failure
    said = (trouble.object, trouble.reason, trouble.message)
    if before and before.log_tail and (before.object, before.reason, before.message) == said:
        return before
    lines = await _last_lines(tools, space, trouble) if trouble.container else ()
    # As one text: some secrets have several lines.
    text = masking.masked_text("\n".join(lines), masking.secret_values(preview.spec.manifests))
    tail = tuple(line[:_LOG_LINE_CHARACTERS] for line in text.splitlines())
    return Failure(
        object=trouble.object[:1024], reason=trouble.reason, message=trouble.message[:4096], log_tail=tail
    )


async def _last_lines(tools: Tools, space: str, trouble: Trouble) -> tuple[str, ...]:
    """The last lines of the run that ended; none when it said nothing, or they cannot be read now.

    They may be late: the runtime tells an end before it has written the last line, and the kubelet removes
    the log of one end before the pod's status tells of the next. Both pass within a second.
    """
    for pause_s in _LOOK_AFTER_S:
        await asyncio.sleep(pause_s)
        if lines := await _lines_now(tools, space, trouble):
            return lines
    return ()


async def _lines_now(tools: Tools, space: str, trouble: Trouble) -> tuple[str, ...]:
    try:
        text = await tools.cluster.logs(
            space, trouble.pod, container=trouble.container, tail_lines=_LOG_LINES, previous=True
        )
    except KubepreviewError as error:
        tools.log.warning("log not read", namespace=space, pod=trouble.pod, error=error.message)
        return ()
    if text.startswith(_NO_LOG):
        return ()
    return tuple(text.splitlines()[-_LOG_LINES:])


def _identity(preview: Preview) -> Object:
    metadata = preview.metadata
    return {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        # The UID makes it this very Preview: a deleted one is not written into its successor.
        "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
    }


async def _tell(tools: Tools, before: Preview, after: Preview) -> None:
    """One line in the log when Ready says something else, and one Event unless that is only on the way.

    Ready repeats the first condition that is not True, so nothing is left out but the end that is near.
    """
    ready = _news(before, after, conditions.READY)
    if ready is not None:
        tools.log.info(
            "preview changed",
            preview=f"{after.metadata.namespace}/{after.metadata.name}",
            ready=ready.status,
            reason=ready.reason,
            message=ready.message,
        )
        if ready.reason not in _ON_THE_WAY:
            is_good = ready.reason in _GOOD_ENDS
            await _emit(tools, after, reason=ready.reason, note=ready.message, is_good=is_good)
    expiring = _news(before, after, conditions.EXPIRING)
    if expiring is not None and expiring.status == "True":
        await _emit(tools, after, reason=expiring.reason, note=expiring.message, is_good=False)


def _news(before: Preview, after: Preview, kind: str) -> Condition | None:
    """The condition, if it says something else than before."""
    old, new = conditions.find(before.status, kind), conditions.find(after.status, kind)
    if new is None or (old and (old.status, old.reason) == (new.status, new.reason)):
        return None
    return new


async def _emit(tools: Tools, preview: Preview, *, reason: str, note: str, is_good: bool) -> None:
    try:
        await events.emit(
            tools.cluster,
            regarding=_identity(preview),
            type="Normal" if is_good else "Warning",
            reason=reason,
            action="Reconcile",
            note=note or reason,
            controller=keys.GROUP + "/controller",
            now=tools.now,
        )
    except KubepreviewError as error:
        # The status, which is written, is the truth; an Event is only its echo.
        tools.log.warning("event not written", reason=reason, error=error.message)


# Reasons that belong to the ordinary course of things, and are gone in a moment.
_ON_THE_WAY = frozenset(
    {
        *("Building", "Waiting", "Progressing", "NotProbed", "BadAnswer", "OtherRevision"),
        *("FallingAsleep", "Closing"),
    }
)
_GOOD_ENDS = frozenset({"Ready", "Asleep", "Closed"})
