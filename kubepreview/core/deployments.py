"""What is said of a preview as a GitHub Deployment: one for each commit, in the preview's environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from kubepreview.core import comment
from kubepreview.core.comments import PER_PAGE
from kubepreview.core.feedback import Draft, digest_of
from kubepreview.core.model import Preview

_TASK: Final = "deploy:preview"

# A deployment without a status is pending, which is what it is while it is being deployed.
_STATES: Final[Mapping[comment.State, Literal["success", "failure", "inactive"]]] = {
    "ready": "success",
    "asleep": "success",
    "failing": "failure",
    "refused": "failure",
    "closing": "inactive",
    "closed": "inactive",
}


def draft(preview: Preview, mark: str) -> Draft:
    """The body of its status; empty while there is none to be told."""
    del mark
    now = comment.state(preview)
    body: dict[str, Any] = {}
    if now in _STATES:
        body = {"state": _STATES[now], "auto_inactive": False}
        if _STATES[now] == "success" and preview.status.url:
            body["environment_url"] = preview.status.url
    sha = preview.spec.revision.sha
    return Draft(state=now, sha=sha, gist=digest_of((sha, body)), body=body)


def creation(draft_: Draft, environment: str, mark: str) -> Mapping[str, Any]:
    """The body that makes one. GitHub neither merges nor waits for checks before it."""
    return {
        "ref": draft_.sha,
        "task": _TASK,
        "environment": environment,
        "auto_merge": False,
        "required_contexts": [],
        "payload": {"preview": mark},
        "transient_environment": True,
        "production_environment": False,
    }


def search(draft_: Draft, environment: str) -> Mapping[str, str]:
    """The parameters by which it is found again."""
    return {
        "sha": draft_.sha,
        "environment": environment,
        "task": _TASK,
        "per_page": str(PER_PAGE),
    }


class _Payload(Struct, frozen=True):
    preview: str = ""


class Deployment(Struct, frozen=True):
    """One, as GitHub lists it."""

    id: int
    payload: _Payload | str


def read(body: bytes) -> tuple[Deployment, ...]:
    """A list of them. Raises ValueError for anything else."""
    return msgspec.json.decode(body, type=tuple[Deployment, ...])


def ours(listed: Iterable[Deployment], mark: str) -> tuple[int, ...]:
    """The ids of those that are of this preview."""
    return tuple(each.id for each in listed if each.payload == _Payload(mark))


INACTIVE: Final[Mapping[str, Any]] = {"state": "inactive", "auto_inactive": False}
"""The status of one whose commit is not asked for any more."""
