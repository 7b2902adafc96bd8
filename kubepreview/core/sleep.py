"""Whether a preview sleeps. Every time here is of the cluster's clock, and passed in.

It falls asleep when somebody says so, and wakes when somebody says so or pushes. In between it stays as it
is: only an event changes it, so that a controller that was away, or a clock that was set, changes nothing.
"""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from kubepreview.core.model import Lifetime, Preview, ProjectSpec, Sleep


def decide(preview: Preview, project: ProjectSpec, now: dt.datetime) -> Sleep:
    """Whether it sleeps from now on; the counts to wake to are as they were."""
    before = preview.status.sleep or Sleep(asleep=False, since=now)
    wish = (preview.spec.lifetime or Lifetime()).sleep
    is_news = wish is not None and wish.id != before.wish
    was_pushed = before.sha not in ("", preview.spec.revision.sha)
    asleep = before.asleep and not (was_pushed and project.on_push == "Wake")
    if wish and is_news:
        asleep = wish.asleep
    return replace(
        before,
        asleep=asleep,
        since=before.since if asleep == before.asleep else now,
        sha=preview.spec.revision.sha,
        wish=wish.id if wish else before.wish,
    )
