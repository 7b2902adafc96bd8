"""Whether visitors are still connected to a preview that falls asleep by itself.

A visit stands in the ingress's log when it ends: an open WebSocket or a long download is not there yet. So
before the pods go, a small container is put beside each that answers for the entry. It shares that pod's
network, counts the connections from outside the preview, and ends when there are none, or when one has
lasted longer than an ingress keeps a connection that no request uses. New visitors are led to the gateway by
then, so what is open is somebody's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from kubepreview.core import durations
from kubepreview.core.endpoints import ready_pods
from kubepreview.core.kinds import as_mapping
from kubepreview.core.model import Held, Sleep
from kubepreview.core.observed import Observed
from kubepreview.core.own_objects import AS_NOBODY, CONFINED
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wanted import Lookout, Wanted
from kubepreview.core.wire import Object

PREFIX: Final = "kubepreview-lookout-"
# What it ends with: nobody is connected; somebody is, and how many is its last word.
NOBODY, SOMEBODY = 0, 1

# It looks for so much longer than an unused connection lives. In so much more it has started, or never will.
_LONGER_S: Final = 10
_STARTS_WITHIN_S: Final = 60


class Sighting(Struct, frozen=True, kw_only=True):
    """What is seen so far. `unwatched`: pods that nobody looks at yet; `is_out`: somebody still looks."""

    unwatched: tuple[Object, ...] = ()
    is_out: bool = False
    connections: int = 0
    trouble: str = ""

    @property
    def holds(self) -> bool:
        """Whether somebody is connected, as far as anybody knows."""
        return bool(self.connections or self.trouble)


def lookout(sleep: Sleep, project: ProjectSpec, now: dt.datetime) -> Lookout | None:
    """What to look for; None where somebody has said that it is to sleep, and nobody is asked."""
    if not (sleep.asleep and sleep.tired):
        return None
    idle_s = durations.seconds(project.route.idle_timeout)
    return Lookout(since=sleep.since, now=now, longest_s=idle_s + _LONGER_S)


def sighting(wanted: Wanted, observed: Observed) -> Sighting:
    """What the lookouts of this falling asleep have seen, in all pods that answer for the entry."""
    sent = wanted.lookout
    if sent is None:
        return Sighting()
    pods = ready_pods(wanted.entry, observed)
    last = {pod["metadata"]["name"]: _last(pod, sent.since) for pod in pods}
    unwatched = tuple(pod for pod in pods if not last[pod["metadata"]["name"]])
    seen = [_seen(pod, name, sent) for pod in pods if (name := last[pod["metadata"]["name"]])]
    return Sighting(
        unwatched=unwatched,
        is_out=any(each.is_out for each in seen),
        connections=sum(each.connections for each in seen),
        trouble=next((each.trouble for each in seen if each.trouble), ""),
    )


def held(wanted: Wanted, observed: Observed) -> Held | None:
    """What keeps it awake, once all have looked; None if nothing does."""
    found = sighting(wanted, observed)
    if wanted.lookout is None or found.is_out or not found.holds:
        return None
    if found.connections:
        why = f"visitors' connections were open, {found.connections} of them"
    else:
        why = unseen(found.trouble)
    return Held(at=wanted.lookout.now, connections=found.connections, why=why[:1024])


def unseen(trouble: str) -> str:
    """Why it stays awake where nobody can look."""
    return f"whether visitors are connected could not be seen: {trouble}"


def posted(pod: Object, sent: Lookout, image: str, of_preview: Iterable[str]) -> tuple[Object, ...]:
    """All ephemeral containers that the pod is to have: those that were there, and one more lookout.

    `of_preview`: the addresses whose connections are the preview's own.
    """
    return (
        *pod["spec"].get("ephemeralContainers", ()),
        {
            "name": f"{PREFIX}{int(sent.now.timestamp())}",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-m", "kubepreview.gateway.connections"],
            "args": [str(sent.longest_s), *of_preview],
            # Of the container alone: the pod is the author's.
            "securityContext": {**AS_NOBODY, **CONFINED},
        },
    )


def addresses(pods: Iterable[Object]) -> Iterator[str]:
    """Where these pods are, once each."""
    found = (each["ip"] for pod in pods for each in as_mapping(pod.get("status")).get("podIPs") or ())
    return iter(dict.fromkeys(found))


def _last(pod: Object, since: dt.datetime) -> str:
    """The last lookout that was sent since then; empty for none."""
    names = [str(each["name"]) for each in pod["spec"].get("ephemeralContainers") or ()]
    ours = [name for name in names if name.startswith(PREFIX) and _sent_at(name) >= int(since.timestamp())]
    return max(ours, key=_sent_at, default="")


def _sent_at(name: str) -> int:
    return int(name.removeprefix(PREFIX))


def _seen(pod: Object, name: str, sent: Lookout) -> Sighting:
    statuses = as_mapping(pod.get("status")).get("ephemeralContainerStatuses") or ()
    state: Any = next((each.get("state") or {} for each in statuses if each["name"] == name), {})
    end = state.get("terminated")
    if end is None:
        is_late = sent.now.timestamp() - _sent_at(name) > sent.longest_s + _STARTS_WITHIN_S
        return Sighting(trouble=f"{name} {_halted(state)}") if is_late else Sighting(is_out=True)
    said = str(end.get("message") or end.get("reason") or "").strip()
    if end["exitCode"] == NOBODY:
        return Sighting()
    if end["exitCode"] == SOMEBODY and said.isascii() and said.isdecimal():
        return Sighting(connections=int(said[:9]))
    return Sighting(trouble=f"{name} ended with exit code {end['exitCode']}: {said}")


def _halted(state: Object) -> str:
    waiting = state.get("waiting") or {}
    reason, message = waiting.get("reason", "nothing is said of it"), waiting.get("message", "")
    return f"did not start: {reason} {message}".strip()
