"""From what was seen to what is said: conditions with a reason and a message, true or Unknown.

All conditions are present from the first visit. Ready repeats the first of the others that is not
True, so that one line tells the whole story.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

import msgspec
from msgspec import Struct

from kubepreview.core.acceptance import Rejected
from kubepreview.core.blockers import blockers, held_objects
from kubepreview.core.conditions import ACCEPTED, APPLIED, ASLEEP, AVAILABLE, EXPIRING, READY, SERVED, find
from kubepreview.core.health import Health
from kubepreview.core.lifecycle import Lifespan
from kubepreview.core.model import (
    Condition,
    Failure,
    ObjectRef,
    Preview,
    PreviewStatus,
    Receipt,
    Served,
    Sleep,
    Slot,
)
from kubepreview.core.observed import Answer, Observed
from kubepreview.core.wanted import Wanted
from kubepreview.core.wire import Truth

_MAX_MESSAGE: Final = 4096


# What the receipt begins with, by spec.stateReason.
_WHY_CLOSED: Final = {
    "Requested": "closed",
    "Expired": "expired",
    "PullRequestClosed": "closed, because its pull request is",
}


class Said(Struct, frozen=True):
    """A condition without its times."""

    type: str
    status: Truth
    reason: str
    message: str = ""


class Visit(Struct, frozen=True, kw_only=True):
    """What one reconciliation of an open preview found out.

    `refusals`: what the apiserver said no to, one sentence each. `waiting_for`: the guard or namespace
    that must come first. `failure`: the trouble, with its last log lines. `visitors`: what is
    to be said of how visitors are seen. `queued`: why it may not wake yet.
    """

    lifespan: Lifespan
    sleep: Sleep
    wanted: Wanted
    observed: Observed
    health: Health
    answer: Answer | None = None
    refusals: tuple[str, ...] = ()
    slot: Slot | None = None
    queued: str = ""
    waiting_for: str = ""
    visitors: str = ""
    failure: Failure | None = None


def status_of_rejected(
    preview: Preview, verdict: Rejected, now: dt.datetime, lifespan: Lifespan | None = None
) -> PreviewStatus:
    """A preview that may not be built; what an earlier revision left keeps running and stays on record.

    Without a project nothing is known of its `lifespan`.
    """
    unknown = (Said(kind, "Unknown", "NotAccepted") for kind in (APPLIED, AVAILABLE, SERVED))
    said = (Said(ACCEPTED, "False", verdict.reason, verdict.message), *unknown)
    return _status(preview, said, now, _untouched(preview.status), lifespan)


def _untouched(before: PreviewStatus, slot: Slot | None = None) -> PreviewStatus:
    """As it was last seen, while nothing of it is touched."""
    return PreviewStatus(
        namespace=before.namespace,
        url=before.url,
        served=before.served,
        applied_sha=before.applied_sha,
        pods=before.pods,
        egress=before.egress,
        inventory=before.inventory,
        sleep=before.sleep,
        slot=slot,
    )


def status_of_open(preview: Preview, visit: Visit, now: dt.datetime) -> PreviewStatus:
    """An open preview, as far as it has come."""
    applied = _applied(preview, visit)
    served_now = _served_now(preview, visit, now)
    if visit.sleep.asleep:
        available, served = (_sleeping(kind, preview, visit) for kind in (AVAILABLE, SERVED))
    else:
        available = _available(visit, applied)
        served = _served(visit, available, served_now)
    return _status(
        preview,
        (Said(ACCEPTED, "True", "Accepted"), applied, available, served),
        now,
        PreviewStatus(
            namespace=visit.wanted.space,
            url=visit.wanted.url,
            served=served_now,
            applied_sha=visit.wanted.sha if applied.status == "True" else preview.status.applied_sha,
            pods=f"{visit.health.ready}/{visit.health.wanted}",
            failure=visit.failure,
            egress=visit.wanted.egress,
            inventory=_inventory(preview, visit, applied),
            sleep=_sleep(visit),
            # One that falls asleep gives its slot back when its pods may go.
            slot=visit.slot or (preview.status.slot if _is_falling(visit) else None),
        ),
        visit.lifespan,
        visit.visitors,
    )


def status_of_queued(
    preview: Preview, told: str, slot: Slot, now: dt.datetime, lifespan: Lifespan
) -> PreviewStatus:
    """A preview that waits for a slot before anything of it is built."""
    unknown = (Said(kind, "Unknown", "Queued") for kind in (AVAILABLE, SERVED))
    said = (Said(ACCEPTED, "True", "Accepted"), Said(APPLIED, "False", "Queued", told), *unknown)
    return _status(preview, said, now, _untouched(preview.status, slot), lifespan)


def status_of_closed(preview: Preview, observed: Observed, now: dt.datetime) -> PreviewStatus:
    """A closing or closed preview, with its receipt."""
    receipt = _receipt(preview, observed, now)
    is_gone = not observed.gate.objects and (receipt is None or receipt.namespace_gone_at is not None)
    reason = "Closed" if is_gone else ("Blocked" if receipt and receipt.blockers else "Closing")
    message = _closing_message(preview, receipt, is_gone=is_gone)
    said = tuple(Said(kind, "False", reason, message) for kind in (APPLIED, AVAILABLE, SERVED))
    return _status(
        preview,
        (Said(ACCEPTED, "True", reason, message), *said),
        now,
        PreviewStatus(
            namespace="" if receipt is None or is_gone else receipt.namespace,
            inventory=() if is_gone else preview.status.inventory,
            sleep=_sleep_of_closed(preview.status.sleep, observed, is_gone=is_gone),
            receipt=receipt,
        ),
    )


def _status(
    preview: Preview,
    said: Sequence[Said],
    now: dt.datetime,
    rest: PreviewStatus,
    lifespan: Lifespan | None = None,
    visitors: str = "",
) -> PreviewStatus:
    first_not_true = next((each for each in said if each.status != "True"), None)
    if first_not_true is None:
        ready = Said(READY, "True", "Ready", f"{preview.spec.revision.sha[:7]} is served")
    else:
        ready = Said(READY, "False", first_not_true.reason, first_not_true.message)
    everything = (*said, ready, _asleep(rest.sleep, visitors), _expiring(preview, lifespan))
    before = preview.status
    # Where nothing is known of its life, what was known is not forgotten: an extension is granted once.
    activity = None if preview.spec.state == "Closed" else before.activity
    return msgspec.structs.replace(
        rest,
        observed_generation=preview.metadata.generation,
        conditions=tuple(_dated(preview, each, now) for each in everything),
        activity=lifespan.activity if lifespan else activity,
        extension=lifespan.extension if lifespan else before.extension,
        evidence=before.evidence,
        compared=before.compared if preview.spec.state == "Open" else None,
        expires_at=lifespan.expires_at if lifespan else None,
    )


def _asleep(sleep: Sleep | None, visitors: str) -> Said:
    if sleep and sleep.asleep:
        return Said(ASLEEP, "True", "Asleep", "it has no pods until somebody visits or wakes it")
    held = sleep.held if sleep else None
    why = f"it stayed awake at {held.at:%H:%M} UTC: {held.why}" if held else ""
    return Said(ASLEEP, "False", "Awake", visitors or why)


def _is_falling(visit: Visit) -> bool:
    return visit.sleep.asleep and bool(visit.waiting_for) and not visit.queued


def _sleeping(kind: str, preview: Preview, visit: Visit) -> Said:
    if visit.waiting_for:
        return Said(kind, "False", "FallingAsleep", f"waiting for {visit.waiting_for}")
    if visit.observed.pods:
        return Said(kind, "False", "FallingAsleep", f"waiting for {len(visit.observed.pods)} pods to end")
    if visit.queued:
        return Said(kind, "False", "Queued", f"it is to wake: {visit.queued}")
    wake = f"`kubepreview wake {preview.spec.pull_request.number}`"
    return Said(kind, "False", "Asleep", f"it sleeps; the next visit, or {wake}, wakes it")


def _sleep(visit: Visit) -> Sleep:
    """As it was decided; what was needed to wake it is forgotten once everything runs again."""
    if visit.sleep.asleep:
        return visit.sleep
    scales = () if visit.health.is_settled else visit.sleep.scales
    return msgspec.structs.replace(visit.sleep, scales=scales, gated=bool(visit.observed.gate.objects))


def _sleep_of_closed(before: Sleep | None, observed: Observed, *, is_gone: bool) -> Sleep | None:
    """Opened again it is awake, with the counts of what is still there; and no wish is heeded twice."""
    if before is None:
        return None
    scales = () if is_gone else before.scales
    return msgspec.structs.replace(before, asleep=False, gated=bool(observed.gate.objects), scales=scales)


def _expiring(preview: Preview, lifespan: Lifespan | None) -> Said:
    if preview.spec.state == "Closed":
        return Said(EXPIRING, "False", "Closed")
    if lifespan is None:
        return Said(EXPIRING, "Unknown", "ProjectNotFound", "the project says how long it lives")
    if lifespan.expires_at is None:
        return Said(EXPIRING, "False", "Kept")
    if lifespan.warned_at is None:
        return Said(EXPIRING, "False", "InUse")
    return Said(
        EXPIRING,
        "True",
        "ExpiresSoon",
        f"it closes at {lifespan.expires_at:%Y-%m-%dT%H:%M:%SZ} unless somebody uses it; "
        f"`kubepreview extend {preview.spec.pull_request.number} --for 3d` gives it more time",
    )


def _dated(preview: Preview, said: Said, now: dt.datetime) -> Condition:
    """With the time of the last change of its truth, which a new message does not move."""
    before = find(preview.status, said.type)
    since = before.last_transition_time if before and before.status == said.status else now
    return Condition(
        type=said.type,
        status=said.status,
        reason=said.reason,
        message=_bounded(said.message),
        observed_generation=preview.metadata.generation,
        last_transition_time=since,
    )


def _bounded(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE else text[: _MAX_MESSAGE - 1] + "…"


def _applied(preview: Preview, visit: Visit) -> Said:
    if visit.refusals:
        return Said(APPLIED, "False", "Refused", "\n".join(visit.refusals))
    if visit.waiting_for:
        return Said(APPLIED, "False", "Waiting", f"waiting for {visit.waiting_for}")
    sha = preview.spec.revision.sha[:7]
    return Said(APPLIED, "True", "Applied", f"{len(visit.wanted.objects)} objects of {sha}")


def _available(visit: Visit, applied: Said) -> Said:
    if applied.status != "True":
        return Said(AVAILABLE, "Unknown", "NotApplied", "this revision is not applied yet")
    trouble, health = visit.health.trouble, visit.health
    if trouble:
        return Said(AVAILABLE, "False", trouble.reason, f"{trouble.object}: {trouble.message}")
    if not health.is_settled:
        return Said(AVAILABLE, "False", "Progressing", f"waiting for {health.waiting_for}")
    return Said(AVAILABLE, "True", "Available", f"{health.ready} of {health.wanted} pods available")


def _served(visit: Visit, available: Said, served_now: Served | None) -> Said:
    if available.status != "True":
        still = f"{served_now.sha[:7]} is still served" if served_now else ""
        return Said(SERVED, "Unknown", "NotAvailable", still)
    answer = visit.answer
    if answer is None:
        return Said(SERVED, "Unknown", "NotProbed", "its address was not asked yet")
    if served_now and served_now.sha == visit.wanted.sha:
        return Said(SERVED, "True", "Served", f"{visit.wanted.url} answered {answer.code}")
    if not answer.is_good:
        return Said(SERVED, "False", "BadAnswer", f"{visit.wanted.url}: {answer.detail}")
    return Said(
        SERVED,
        "False",
        "OtherRevision",
        f"{visit.wanted.url}{visit.wanted.revision_path.lstrip('/')} answered, but without "
        f"{visit.wanted.sha}: {answer.detail}",
    )


def _served_now(preview: Preview, visit: Visit, now: dt.datetime) -> Served | None:
    """The revision that the address answers, or None where that is not known."""
    answer = visit.answer
    if answer is None or not answer.is_good:
        return None
    before = preview.status.served
    if visit.wanted.revision_path:
        seen = answer.shas
    else:
        # Without a path that tells, only settled pods of the recorded images say what is served.
        is_current = visit.health.is_settled and not visit.waiting_for and not visit.refusals
        seen = frozenset({visit.wanted.sha}) if is_current else frozenset()
    if before and before.sha in seen:
        return before
    return Served(sha=visit.wanted.sha, since=now) if visit.wanted.sha in seen else None


def _inventory(preview: Preview, visit: Visit, applied: Said) -> tuple[ObjectRef, ...]:
    """What was wanted, and what an earlier revision brought until it is seen gone."""
    if applied.status != "True":
        return preview.status.inventory
    wanted = visit.wanted.refs
    left = (ref for ref in preview.status.inventory if ref in visit.observed.objects)
    return tuple(dict.fromkeys((*wanted, *left)))


def _receipt(preview: Preview, observed: Observed, now: dt.datetime) -> Receipt | None:
    """The record of the teardown so far; None where there was never anything to tear down."""
    is_left = observed.belongs_to(preview.metadata.uid)
    space = observed.namespace["metadata"]["name"] if is_left and observed.namespace else ""
    before = preview.status.receipt or Receipt(
        namespace=preview.status.namespace or space,
        namespace_uid=observed.namespace_uid if is_left else "",
        objects=preview.status.inventory,
        closed_at=now,
    )
    if not before.namespace:
        return None
    route_left = bool(observed.gate.objects) or (is_left and observed.route is not None)
    pods_left = route_left or (is_left and bool(observed.pods))
    held = _fitting(dict.fromkeys((*before.held, *held_objects(observed))))
    return Receipt(
        namespace=before.namespace,
        namespace_uid=before.namespace_uid,
        objects=before.objects,
        closed_at=before.closed_at,
        route_gone_at=_seen_gone(before.route_gone_at, now, is_left=route_left),
        pods_gone_at=_seen_gone(before.pods_gone_at, now, is_left=pods_left),
        namespace_gone_at=_seen_gone(before.namespace_gone_at, now, is_left=is_left),
        held=held,
        blockers=_fitting(blockers(observed, held, now)) if is_left else (),
    )


def _fitting(sentences: Iterable[str]) -> tuple[str, ...]:
    """As many, and as much of each, as the status may hold."""
    return tuple(sentence[:1024] for sentence in islice(sentences, 20))


def _seen_gone(before: dt.datetime | None, now: dt.datetime, *, is_left: bool) -> dt.datetime | None:
    return None if is_left else (before or now)


def _closing_message(preview: Preview, receipt: Receipt | None, *, is_gone: bool) -> str:
    why = _WHY_CLOSED[preview.spec.state_reason]
    if receipt is None:
        return f"{why} before anything was built"
    if is_gone:
        return f"{why}; namespace {receipt.namespace} is gone"
    if receipt.blockers:
        return f"namespace {receipt.namespace} cannot go: {'; '.join(receipt.blockers)}"
    return f"{why}; waiting for namespace {receipt.namespace} to be gone"
