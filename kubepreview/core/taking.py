"""Where the controller itself takes what continuous integration publishes: what is to be done for whom.

What GitHub says of an open pull request is compared with its Preview, and what is missing there is the next
step. Every time is passed in. That a list is late does no harm: the apiserver refuses a write that knows
less than the last one.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, Literal, Protocol

import msgspec

from kubepreview.core import keys, names
from kubepreview.core.artifact import Bundle
from kubepreview.core.event import Event
from kubepreview.core.model import PullRequest, Revision
from kubepreview.core.wire import Object, whole

BUILDING: Final = "Building"
"""Why a preview is not accepted yet: its manifests are waited for."""
MISSING: Final = "NotFound"
REFUSED: Final = "Refused"
"""Why an artifact is not taken: the registry has none, or has something else under its name."""

Step = Literal["Nothing", "Announce", "Take", "Describe"]

# How often a registry is asked: soon while a build may end any moment, and later less and less.
_SOONEST_S: Final = 2.0
_SHARE: Final = 0.1


class _Revision(Protocol):
    @property
    def sha(self) -> str:
        """The commit."""

    @property
    def observed_at(self) -> dt.datetime:
        """When that was so."""


class Asked(Protocol):
    """Of a Preview's spec, what decides."""

    @property
    def state(self) -> str:
        """Open or Closed."""

    @property
    def state_reason(self) -> str:
        """Why it is so."""

    @property
    def artifact(self) -> str:
        """Where its manifests come from."""

    @property
    def revision(self) -> _Revision:
        """Which commit it asks for."""

    @property
    def pull_request(self) -> PullRequest:
        """As it was known."""


def is_awaited(artifact: str) -> bool:
    """Whether it is only a name so far, and no digest."""
    return bool(artifact) and "@" not in artifact


def tagged(repository: str, sha: str) -> str:
    """Where the artifact of a commit is published."""
    return f"{repository}:{sha}"


def step(asked: Asked | None, head: Event) -> Step:
    """What is to be done for an open pull request. `asked`: the spec of its Preview, if it has one.

    A commit is taken once: what is published under the same SHA later changes nothing, and an approval
    that names a SHA means what was there to be looked at.
    """
    if asked is None:
        return "Announce"
    if head.revision.observed_at < asked.revision.observed_at:
        return "Nothing"
    if asked.state == "Closed":
        return "Announce" if _opens_again(asked, head) else "Nothing"
    is_same = asked.revision.sha == head.revision.sha
    if is_awaited(asked.artifact):
        return "Take" if is_same and asked.pull_request == head.pull_request else "Announce"
    if not is_same:
        return "Take"
    return "Nothing" if asked.pull_request == head.pull_request else "Describe"


def _opens_again(asked: Asked, head: Event) -> bool:
    """Closed with its pull request, it opens with it. What a person or time has closed, a push opens."""
    is_later = head.revision.observed_at > asked.revision.observed_at
    is_pushed = asked.revision.sha != head.revision.sha
    return is_later and (is_pushed or asked.state_reason == "PullRequestClosed")


def announced(project: str, repository: str, head: Event) -> Object:
    """The spec of a Preview whose manifests are waited for."""
    return _spec(project, head) | {"artifact": tagged(repository, head.revision.sha)}


def taken(project: str, artifact: str, head: Event, bundle: Bundle) -> Object:
    """The spec of a Preview of what was taken. `artifact`: where from, with the digest."""
    content = _wire({"entry": bundle.entry, "manifests": bundle.manifests})
    return _spec(project, head) | content | {"artifact": artifact}


def described(head: Event, *, from_fork: bool = False) -> Object:
    """The change of a spec that has everything, and knows the pull request as it was.

    `from_fork`: it was known to come from one, which is never taken back.
    """
    # Whole: what is left out of a change stays as it was.
    pull_request = whole(head.pull_request) | {"fromFork": head.pull_request.from_fork or from_fork}
    return {"pullRequest": pull_request, "revision": _wire({"observedAt": head.revision.observed_at})}


def preview(namespace: str, head: Event, spec: Object) -> Object:
    """The Preview as it is applied."""
    return {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": names.preview_name(head.pull_request.number), "namespace": namespace},
        "spec": spec,
    }


def again_after_s(waited_s: float, longest_s: float) -> float:
    """After how long a registry is asked again that did not have it, having been asked for so long."""
    return min(max(waited_s * _SHARE, _SOONEST_S), max(longest_s, _SOONEST_S))


def _spec(project: str, head: Event) -> Object:
    revision = Revision(sha=head.revision.sha, observed_at=head.revision.observed_at)
    told = {"project": project, "pullRequest": head.pull_request, "revision": revision}
    return _wire(told) | {"state": "Open", "stateReason": "Requested"}


def _wire(value: Any) -> Object:
    built: Object = msgspec.to_builtins(value)
    return built
