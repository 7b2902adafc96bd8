"""How long a preview lives. Every time here is of the cluster's clock, and passed in.

A preview expires `timeToLive` after the last thing that somebody did with it. It is warned before, in its
status, and closes only when the warning has stood there for its whole time: a clock that jumps ahead, or a
controller that was away for a week, costs nobody a preview without a word.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from msgspec import Struct

from kubepreview.core import conditions, durations
from kubepreview.core.model import Activity, Extension, Granted, Lifetime, Preview, PreviewStatus
from kubepreview.core.project_spec import ProjectSpec

# How long before its end a preview is warned; at half its time where it lives shorter than two days.
_WARNING: Final = dt.timedelta(days=1)


class Lifespan(Struct, frozen=True, kw_only=True):
    """When a preview ends, and what that follows from.

    `expires_at`: None while it is kept. `warned_at`: since when its status says that the end is near.
    `warning`: how long before the end that is said.
    """

    activity: Activity
    extension: Granted | None
    expires_at: dt.datetime | None
    warned_at: dt.datetime | None
    warning: dt.timedelta

    def is_over(self, now: dt.datetime) -> bool:
        """Whether it has expired."""
        return self.expires_at is not None and now >= self.expires_at

    def look_again_after_s(self, at_most_s: float, now: dt.datetime) -> float:
        """In how many seconds the warning or the end is due, if that is sooner."""
        if self.expires_at is None:
            return at_most_s
        due = self.expires_at if self.warned_at else self.expires_at - self.warning
        return min(at_most_s, max((due - now).total_seconds(), 0.0))


def lifespan(
    preview: Preview, project: ProjectSpec, visited_at: dt.datetime | None, now: dt.datetime
) -> Lifespan:
    """When this preview ends, from what is asked for and what its status remembers.

    `visited_at`: when somebody was there last, as far as is known.
    """
    lifetime = preview.spec.lifetime or Lifetime()
    time_to_live = dt.timedelta(seconds=durations.seconds(project.time_to_live))
    warning = min(_WARNING, time_to_live / 2)
    extension = _extension(preview.status, lifetime.extension, now)
    activity = _activity(preview, extension, visited_at, now)
    ends = (activity.at + time_to_live, *((extension.until,) if extension else ()))
    expires_at = None if lifetime.keep else max(ends)
    warned_at = None
    if expires_at and now >= expires_at - warning:
        warned_at = min(_warned_at(preview.status) or now, now)
        expires_at = max(expires_at, warned_at + warning)
    return Lifespan(
        activity=activity, extension=extension, expires_at=expires_at, warned_at=warned_at, warning=warning
    )


def _extension(before: PreviewStatus, wish: Extension | None, now: dt.datetime) -> Granted | None:
    """The extension in force: a wish that was not seen before is granted, from when the end would come."""
    if wish is None or (before.extension and before.extension.id == wish.id):
        return before.extension
    more = dt.timedelta(seconds=durations.seconds(wish.duration))
    return Granted(id=wish.id, until=max(before.expires_at or now, now) + more)


def _activity(
    preview: Preview, extension: Granted | None, visited_at: dt.datetime | None, now: dt.datetime
) -> Activity:
    """A change of the spec is somebody's: nothing of ours writes there but the end itself."""
    before = preview.status.activity
    if extension != preview.status.extension:
        return Activity(at=now, kind="Extension")
    if before is None or preview.metadata.generation > preview.status.observed_generation:
        return Activity(at=now, kind="Change")
    if visited_at and min(visited_at, now) > before.at:
        return Activity(at=min(visited_at, now), kind="Visit")
    # What lies ahead was written by a clock that has been set back since.
    return before if before.at <= now else Activity(at=now, kind=before.kind)


def _warned_at(before: PreviewStatus) -> dt.datetime | None:
    said = conditions.find(before, conditions.EXPIRING)
    return said.last_transition_time if said and said.status == "True" else None
