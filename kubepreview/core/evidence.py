"""What a person needs next week of a preview that has failed or is gone: one value, packed into one object.

It is kept beside the Preview, in the project's control namespace, until it expires. What does not fit is
left out from its least telling end, and says so.
"""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kubepreview.core import durations, keys, masking
from kubepreview.core.model import Condition, Preview, TestResult
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wire import Object, Wire

Reason = Literal["Failed", "Closed"]
# An object may have 1 MiB, and base64 takes a third more.
MOST_BYTES: Final = 600 * 1024
LOG_LINES: Final = 200
_MOST_LINE_CHARACTERS: Final = 4096
_FIELD: Final = "evidence.json.gz"
_LEFT_OUT: Final = "[earlier lines were left out]"


class Container(Struct, frozen=True, kw_only=True):
    """The log of one container; `which`: of the one that runs, or of the one that ended before it."""

    pod: str
    container: str
    which: Literal["current", "previous"] = "current"
    lines: tuple[str, ...] = ()


class Evidence(Wire, frozen=True, kw_only=True):
    """Everything that was to be seen. `unread`: what could not be read, and why."""

    reason: Reason
    number: int
    sha: str
    taken_at: dt.datetime
    conditions: tuple[Condition, ...] = ()
    manifests: tuple[Object, ...] = ()
    events: tuple[str, ...] = ()
    logs: tuple[Container, ...] = ()
    test: TestResult | None = None
    unread: tuple[str, ...] = ()


class Seen(Struct, frozen=True, kw_only=True):
    """What the controller has read for it."""

    events: tuple[Object, ...] = ()
    logs: tuple[Container, ...] = ()
    unread: tuple[str, ...] = ()


def evidence(preview: Preview, reason: Reason, seen: Seen, now: dt.datetime) -> Evidence:
    """All that was seen, without a secret of the preview's."""
    manifests = preview.spec.manifests
    values = masking.secret_values(manifests)
    test = preview.spec.test

    def masked(text: str) -> str:
        return masking.masked_text(text, values)

    return Evidence(
        reason=reason,
        number=preview.spec.pull_request.number,
        sha=preview.status.applied_sha or preview.spec.revision.sha,
        taken_at=now,
        conditions=tuple(replace(each, message=masked(each.message)) for each in preview.status.conditions),
        manifests=tuple(masking.masked_object(obj, values) for obj in manifests),
        events=tuple(masked(_told(event)) for event in sorted(seen.events, key=_time)),
        logs=tuple(replace(log, lines=_masked_lines(log.lines[-LOG_LINES:], masked)) for log in seen.logs),
        test=test and replace(test, output=masked(test.output)),
        unread=seen.unread,
    )


def _masked_lines(lines: Sequence[str], masked: Callable[[str], str]) -> tuple[str, ...]:
    """As one text: some secrets have several lines."""
    text = "\n".join(line[:_MOST_LINE_CHARACTERS] for line in lines)
    return tuple(masked(text).split("\n")) if lines else ()


def object_name(preview_name: str, reason: Reason) -> str:
    """The name of the object that holds it: the last of each reason is kept."""
    return f"evidence-{preview_name}-{reason.lower()}"


def expires_at(project: ProjectSpec, now: dt.datetime) -> dt.datetime:
    """Until when it is kept."""
    return now + dt.timedelta(seconds=durations.seconds(project.evidence_for))


def is_expired(obj: Object, now: dt.datetime) -> bool:
    """Whether a kept object's time is over; one that does not say so stays."""
    told = (obj["metadata"].get("annotations") or {}).get(keys.EXPIRES_AT, "")
    try:
        return dt.datetime.fromisoformat(told) <= now
    except (TypeError, ValueError):
        return False


def packed(found: Evidence) -> bytes:
    """At most `MOST_BYTES`: the oldest lines of every log go first, then manifests, then events."""
    while len(data := _zipped(found)) > MOST_BYTES:
        found = _less(found)
    return data


def kept_object(preview: Preview, found: Evidence, until: dt.datetime) -> Object:
    """The object that holds it; it goes with the Preview at the latest."""
    metadata = preview.metadata
    owner = {"apiVersion": keys.API_VERSION, "kind": "Preview", "name": metadata.name, "uid": metadata.uid}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": object_name(metadata.name, found.reason),
            "namespace": metadata.namespace,
            "labels": {keys.EVIDENCE: metadata.name},
            "annotations": {keys.EXPIRES_AT: until.isoformat()},
            "ownerReferences": [owner],
        },
        "binaryData": {_FIELD: msgspec.to_builtins(packed(found))},
    }


def unpacked(obj: Object) -> Evidence:
    """What an object holds; ValueError if it holds none."""
    data = msgspec.convert((obj.get("binaryData") or {}).get(_FIELD, ""), bytes)
    try:
        return msgspec.json.decode(gzip.decompress(data), type=Evidence)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"no evidence that can be read: {error}") from error


def _zipped(found: Evidence) -> bytes:
    # No time in it: the same evidence gives the same bytes.
    return gzip.compress(msgspec.json.encode(found), mtime=0)


def _less(found: Evidence) -> Evidence:
    if any(len(log.lines) > 1 for log in found.logs):
        return replace(found, logs=tuple(_halved(log) for log in found.logs))
    if found.manifests:
        left = len(found.manifests) // 2
        note = f"{len(found.manifests) - left} manifests were left out: together they were too large"
        return replace(found, manifests=found.manifests[:left], unread=(*found.unread, note))
    return replace(found, logs=(), events=found.events[len(found.events) // 2 + 1 :])


def _halved(log: Container) -> Container:
    lines = log.lines[-(len(log.lines) // 2) :] if len(log.lines) > 1 else log.lines
    return replace(log, lines=(_LEFT_OUT, *lines[1:]))


def _time(event: Mapping[str, object]) -> str:
    series = event.get("series")
    last = series.get("lastObservedTime") if isinstance(series, Mapping) else None
    return str(last or event.get("eventTime") or event.get("deprecatedLastTimestamp") or "")


def _told(event: Object) -> str:
    about = event.get("regarding") or {}
    what = f"{about.get('kind', '')}/{about.get('name', '')}"
    return f"{_time(event)} {event.get('type', '')} {event.get('reason', '')} {what}: {event.get('note', '')}"
