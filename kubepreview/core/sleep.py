"""Whether a preview sleeps. Every time here is of the cluster's clock, and passed in.

It falls asleep when somebody says so, or when nobody was there for the project's `sleepAfter`; it wakes when
somebody visits it, pushes, or says so.
"""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from kubepreview.core import durations
from kubepreview.core.model import Activity, Held, Lifetime, Preview, Sleep
from kubepreview.core.project_spec import ProjectSpec


def tires_at(project: ProjectSpec, activity: Activity, held: Held | None = None) -> dt.datetime | None:
    """When it falls asleep unless somebody comes. `held`: what kept it awake last. None for never."""
    if project.sleep_after == "Never":
        return None
    since = max(activity.at, held.at) if held else activity.at
    return since + dt.timedelta(seconds=durations.seconds(project.sleep_after))


def decide(
    preview: Preview, project: ProjectSpec, knock: str, now: dt.datetime, *, is_tired: bool = False
) -> Sleep:
    """Whether it sleeps from now on; the counts to wake to are as they were.

    `knock`: the last visit that the gateway told of, empty for none; it wakes once. `is_tired`: nobody was
    there for long enough. A wish that is news holds against both.
    """
    before = preview.status.sleep or Sleep(asleep=False, since=now)
    wish = (preview.spec.lifetime or Lifetime()).sleep
    is_news = wish is not None and wish.id != before.wish
    was_pushed = before.sha not in ("", preview.spec.revision.sha)
    is_visited = knock not in ("", before.knock)
    is_held = before.asleep and before.held is not None
    is_woken = is_visited or is_held or (was_pushed and project.on_push == "Wake")
    asleep = (before.asleep or is_tired) and not is_woken
    if wish and is_news:
        asleep = wish.asleep
    falls = asleep and not before.asleep
    return replace(
        before,
        asleep=asleep,
        since=before.since if asleep == before.asleep else now,
        sha=preview.spec.revision.sha,
        wish=wish.id if wish else before.wish,
        knock=knock or before.knock,
        gated=before.gated or asleep,
        # Whoever asks for it, at the beginning or later, does not ask who is connected.
        tired=(is_tired if falls else before.tired) and not is_news,
        held=None if falls else before.held,
    )
