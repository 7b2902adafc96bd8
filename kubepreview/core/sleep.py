"""Whether a preview sleeps. Every time here is of the cluster's clock, and passed in.

It falls asleep when somebody says so, and wakes when somebody visits it, pushes, or says so. In between it
stays as it is: only an event changes it, so that a controller that was away, or a clock that was set,
changes nothing.
"""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from kubepreview.core.model import Lifetime, Preview, Sleep
from kubepreview.core.project_spec import ProjectSpec


def decide(preview: Preview, project: ProjectSpec, knock: str, now: dt.datetime) -> Sleep:
    """Whether it sleeps from now on; the counts to wake to are as they were.

    `knock`: the last visit that the gateway told of, empty for none; it wakes once.
    """
    before = preview.status.sleep or Sleep(asleep=False, since=now)
    wish = (preview.spec.lifetime or Lifetime()).sleep
    is_news = wish is not None and wish.id != before.wish
    was_pushed = before.sha not in ("", preview.spec.revision.sha)
    is_visited = knock not in ("", before.knock)
    asleep = before.asleep and not is_visited and not (was_pushed and project.on_push == "Wake")
    if wish and is_news:
        asleep = wish.asleep
    return replace(
        before,
        asleep=asleep,
        since=before.since if asleep == before.asleep else now,
        sha=preview.spec.revision.sha,
        wish=wish.id if wish else before.wish,
        knock=knock or before.knock,
        gated=before.gated or asleep,
    )
