"""After how many seconds a preview is looked at again, unless something calls earlier."""

from __future__ import annotations

import datetime as dt
from typing import Final

from kubepreview.core import conditions
from kubepreview.core.model import Preview
from kubepreview.core.status import Visit

# What somebody changes by hand is back within a minute.
STEADY_S: Final = 45.0
# Of one that sleeps, what guards it and leads to it is watched; all else is put right before it wakes.
_ASLEEP_S: Final = 20 * 60.0
_CLOSED_S: Final = 60 * 60.0
_REFUSED_S: Final = 30.0
QUEUED_S: Final = 2.0
_WAITING_S: Final = 0.02
SETTLING_S: Final = 1.0
CLOSING_S: Final = 0.2
_MOST_PATIENT_S: Final = 10.0


def of_open(preview: Preview, visit: Visit, now: dt.datetime) -> float:
    """After a visit to an open preview; `preview` has the status that was written at its end."""
    ready = conditions.find(preview.status, conditions.READY)
    available = conditions.find(preview.status, conditions.AVAILABLE)
    if visit.refusals:
        return _REFUSED_S
    if visit.sleep.asleep:
        return _of_sleeping(visit, now)
    if visit.waiting_for:
        return _patiently(visit.observed.namespace_since, now)
    if available is None or ready is None or ready.status == "True":
        return STEADY_S
    if available.status == "True":
        # Available but not yet served: the ingress is about to learn of it.
        return _patiently(available.last_transition_time, now)
    return SETTLING_S if visit.failure is None else _MOST_PATIENT_S


def _of_sleeping(visit: Visit, now: dt.datetime) -> float:
    if visit.sleep.held:
        return _WAITING_S
    # What is still there ends by itself; whatever changes calls.
    return _patiently(visit.sleep.since, now) if visit.waiting_for else _ASLEEP_S


def of_closed(terminating_since: dt.datetime | None, now: dt.datetime, *, is_over: bool) -> float:
    """After a visit to a closed one. `is_over`: nothing is left to be done."""
    if is_over:
        return _CLOSED_S
    if terminating_since is None:
        return CLOSING_S
    return max(CLOSING_S, _patiently(terminating_since, now))


def until(due: dt.datetime | None, now: dt.datetime, at_most_s: float) -> float:
    """Earlier, if something is due then; but no busy loop for a clock that stands still."""
    return min(at_most_s, max((due - now).total_seconds(), SETTLING_S)) if due else at_most_s


def _patiently(since: dt.datetime | None, now: dt.datetime) -> float:
    """Soon at first; the longer it lasts, the rarer."""
    age_s = (now - since).total_seconds() if since else 0.0
    return min(max(age_s / 10, _WAITING_S), _MOST_PATIENT_S)
