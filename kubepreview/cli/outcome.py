"""What a wait has come to: from the Preview as it is now to steps, an end, or the error that ends it.

Pure: these functions are given the object and what was asked for, and decide.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from kubepreview.cli.output import moment
from kubepreview.cli.waiting import State, Step
from kubepreview.core import conditions
from kubepreview.core.model import Condition, Lifetime, Preview, Receipt, Revision
from kubepreview.errors import Failed, KubepreviewError, Refused

# What each condition is called while it is waited for.
_OPENING: Final = (
    (conditions.ACCEPTED, "accepted by the project"),
    (conditions.APPLIED, "objects applied"),
    (conditions.AVAILABLE, "pods available"),
    (conditions.SERVED, "revision served"),
)
_CLOSED: Final = "Closed"
_REFUSED: Final = "Refused"
_PROGRESSING: Final = "Progressing"
_ASLEEP: Final = "Asleep"
_FALLING_ASLEEP: Final = "FallingAsleep"
_QUEUED: Final = "Queued"
_NOT_SEEN: Final = "waiting for the controller"


class Asked(Struct, frozen=True, kw_only=True):
    """What was written, and as which generation of the object."""

    uid: str
    generation: int
    revision: Revision


class Waiting(Struct, frozen=True):
    """Not there yet. `seen` says in one line what was seen last; empty when the controller said nothing."""

    steps: tuple[Step, ...]
    seen: str


class Ended(Struct, frozen=True):
    """Nothing more will come: `error` says why it did not work, None that it did."""

    steps: tuple[Step, ...]
    error: KubepreviewError | None = None


def opening(preview: Preview, asked: Asked) -> Waiting | Ended:
    """How far an open preview has come towards serving the revision that was asked for."""
    steps = _opening_steps(preview)
    error = _taken_away(preview, asked)
    if error is None and _is_current(preview):
        if _is_served(preview, asked) or _is_asleep(preview):
            return Ended(steps)
        error = _refusal(preview) or _failure(preview)
        if error:
            return Ended(_failed(steps), error)
    return Ended(steps, error) if error else Waiting(steps, _seen(preview))


def _failed(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps once what is waited for will not come."""
    return tuple(Step(s.name, "failed", s.detail) if s.state == "running" else s for s in steps)


def closing(preview: Preview, asked: Asked) -> Waiting | Ended:
    """How far a closed preview has come towards being gone."""
    steps = _closing_steps(preview)
    if preview.spec.state == "Open":
        number = preview.spec.pull_request.number
        return Ended(
            steps,
            Refused(
                f"pull request {number} was opened again, with revision {preview.spec.revision.sha[:7]} "
                f"of {moment(preview.spec.revision.observed_at)}",
                hint=f"`kubepreview status {number}` shows it; close it again if that was not meant",
            ),
        )
    if preview.metadata.uid != asked.uid:
        return Ended(steps, _replaced(preview))
    ready = conditions.find(preview.status, conditions.READY)
    if _is_current(preview) and ready is not None and ready.reason == _CLOSED:
        return Ended(steps)
    return Waiting(steps, _seen(preview))


def extending(preview: Preview, asked: Asked) -> Waiting | Ended:
    """Whether the controller has taken note of what was asked about the time it lives."""
    is_known = _is_current(preview)
    error = _ended_by_others(preview, asked)
    steps = (Step("taken note of", "done" if is_known else "running"),)
    return Ended(steps, error) if error or is_known else Waiting(steps, _seen(preview))


def falling_asleep(preview: Preview, asked: Asked) -> Waiting | Ended:
    """Whether it has no pods any more."""
    sleeps = _is_asleep(preview)
    error = _ended_by_others(preview, asked) or _woken(preview)
    ready = conditions.find(preview.status, conditions.READY)
    detail = ready.message if ready and _is_current(preview) else _NOT_SEEN
    steps = (Step("asleep", "done" if sleeps else "running", detail),)
    return Ended(steps, error) if error or sleeps else Waiting(steps, _seen(preview))


def _taken_away(preview: Preview, asked: Asked) -> KubepreviewError | None:
    """Whether somebody has since asked for something else."""
    now = preview.spec.revision
    if ended := _ended_by_others(preview, asked):
        return ended
    if now.sha != asked.revision.sha:
        return Refused(
            f"revision {asked.revision.sha[:7]} was superseded by {now.sha} of {moment(now.observed_at)}",
            hint="nothing is wrong: the preview shows the later commit, which has its own `up`",
        )
    return None


def _woken(preview: Preview) -> KubepreviewError | None:
    """Whether the wish that it sleeps was heeded, and somebody has come since."""
    wish, heeded = (preview.spec.lifetime or Lifetime()).sleep, preview.status.sleep
    if wish and heeded and wish.asleep and wish.id == heeded.wish and not heeded.asleep:
        return Refused(
            "somebody visited it while it fell asleep, and so it is awake",
            hint="`kubepreview sleep` puts it to sleep when nobody is there",
        )
    return None


def _ended_by_others(preview: Preview, asked: Asked) -> KubepreviewError | None:
    """Whether what was awaited is not there any more, or is on its way out."""
    if preview.metadata.uid != asked.uid:
        return _replaced(preview)
    number = preview.spec.pull_request.number
    if preview.spec.state != _CLOSED:
        return None
    if preview.spec.state_reason == "Expired":
        return Refused(
            f"the preview of pull request {number} has expired: nobody used it",
            hint="`kubepreview up` opens it again",
        )
    if preview.spec.state_reason == "PullRequestClosed":
        return Refused(
            f"the preview of pull request {number} was closed, because GitHub says that the pull request is",
            hint=f"`kubepreview status {number}` shows its receipt; a reopened one gets a preview again",
        )
    return Refused(
        f"the preview of pull request {number} was closed at {moment(preview.spec.revision.observed_at)}",
        hint=f"`kubepreview status {number}` shows its receipt; a later `up` opens it again",
    )


def _replaced(preview: Preview) -> KubepreviewError:
    name = f"{preview.metadata.namespace}/{preview.metadata.name}"
    return Failed(f"Preview {name} was deleted and made anew while it was awaited")


def _is_current(preview: Preview) -> bool:
    """Whether the status speaks of the spec as it is now."""
    ready = conditions.find(preview.status, conditions.READY)
    seen = ready.observed_generation if ready else 0
    return min(seen, preview.status.observed_generation) >= preview.metadata.generation


def _is_served(preview: Preview, asked: Asked) -> bool:
    ready, served = conditions.find(preview.status, conditions.READY), preview.status.served
    is_ready = (
        ready is not None and ready.status == "True" and preview.metadata.generation >= asked.generation
    )
    return is_ready and served is not None and served.sha == asked.revision.sha


def _is_asleep(preview: Preview) -> bool:
    """Whether all that was asked for is there, and sleeps: nothing more comes before it is woken."""
    ready = conditions.find(preview.status, conditions.READY)
    return _is_current(preview) and ready is not None and ready.reason == _ASLEEP


def _refusal(preview: Preview) -> KubepreviewError | None:
    accepted = conditions.find(preview.status, conditions.ACCEPTED)
    applied = conditions.find(preview.status, conditions.APPLIED)
    if accepted and accepted.status == "False":
        return Refused(
            f"the preview is not accepted ({accepted.reason}): {accepted.message}" + _still(preview)
        )
    if applied and applied.status == "False" and applied.reason == _REFUSED:
        return Refused(
            f"the cluster refused what {preview.spec.revision.sha[:7]} brings:\n  "
            + "\n  ".join(applied.message.splitlines())
            + _still(preview),
            hint="each line names object, field and rule; mend the manifests and push again",
        )
    return None


def _failure(preview: Preview) -> KubepreviewError | None:
    available = conditions.find(preview.status, conditions.AVAILABLE)
    if available is None or available.status != "False":
        return None
    if available.reason in (_PROGRESSING, _FALLING_ASLEEP, _QUEUED):
        return None
    number = preview.spec.pull_request.number
    return Failed(
        f"{preview.spec.revision.sha[:7]} does not run ({available.reason}): {available.message}"
        + last_words(preview)
        + _still(preview),
        hint=f"`kubepreview logs {number} --previous` shows more, `kubepreview status {number}` everything",
    )


def last_words(preview: Preview) -> str:
    """The last lines of the failing container's log, indented under a heading; empty if there are none."""
    failure = preview.status.failure
    if failure is None or not failure.log_tail:
        return ""
    return "\n".join(("", "its last lines:", *(f"  | {line}" for line in failure.log_tail)))


def _still(preview: Preview) -> str:
    served = preview.status.served
    if served is None:
        return "\nnothing is served by this preview at the moment"
    return f"\nstill served: {served.sha} (since {moment(served.since)})"


def _seen(preview: Preview) -> str:
    ready = conditions.find(preview.status, conditions.READY)
    if ready is None:
        return ""
    stale = "" if _is_current(preview) else " (of an earlier revision)"
    return f"{ready.reason}: {ready.message}{stale}" if ready.message else f"{ready.reason}{stale}"


def _opening_steps(preview: Preview) -> tuple[Step, ...]:
    is_current = _is_current(preview)
    steps: list[Step] = []
    for kind, name in _OPENING:
        condition = conditions.find(preview.status, kind) if is_current else None
        is_reached = all(step.state == "done" for step in steps)
        steps.append(_step(name, condition, is_reached=is_reached))
    return tuple(steps)


def _step(name: str, condition: Condition | None, *, is_reached: bool) -> Step:
    if not is_reached:
        return Step(name, "pending")
    if condition is None:
        return Step(name, "running", _NOT_SEEN)
    if condition.status == "True":
        return Step(name, "done", condition.message)
    return Step(name, "running", condition.message or condition.reason)


def _closing_steps(preview: Preview) -> tuple[Step, ...]:
    is_current, space = _is_current(preview), preview.status.namespace
    receipt = preview.status.receipt if is_current else None
    if receipt is None and (is_current or not space):
        is_done = is_current and _seen(preview).startswith(_CLOSED)
        return (Step("nothing left", "done" if is_done else "running", _seen(preview)),)
    gone = (
        ("route gone", receipt and receipt.route_gone_at),
        ("pods gone", receipt and receipt.pods_gone_at),
        (f"namespace {receipt.namespace if receipt else space} gone", receipt and receipt.namespace_gone_at),
    )
    blocked = "; ".join(receipt.blockers) if receipt else _NOT_SEEN
    steps: list[Step] = []
    for name, at in gone:
        is_reached = all(step.state == "done" for step in steps)
        state: State = "done" if at else ("running" if is_reached else "pending")
        steps.append(Step(name, state, blocked if state == "running" else ""))
    return tuple(steps)


def receipt_text(receipt: Receipt) -> Sequence[str]:
    """The receipt, for people."""
    kinds: dict[str, int] = {}
    for ref in receipt.objects:
        kinds[ref.kind] = kinds.get(ref.kind, 0) + 1
    things = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none"
    rows = (
        ("route", receipt.route_gone_at),
        ("pods", receipt.pods_gone_at),
        ("namespace", receipt.namespace_gone_at),
    )
    return (
        f"receipt of {receipt.namespace} ({receipt.namespace_uid or 'never built'})",
        f"  objects    {things}",
        f"  closed     {moment(receipt.closed_at)}",
        *(f"  {name:<10} {_gone(at, receipt.closed_at)}" for name, at in rows),
        *(f"  blocked by {blocker}" for blocker in receipt.blockers),
    )


def _gone(at: dt.datetime | None, closed_at: dt.datetime) -> str:
    if at is None:
        return "STILL THERE"
    return f"gone {moment(at)}, after {(at - closed_at).total_seconds():.1f} s"
