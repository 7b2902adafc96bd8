"""What is said of a preview as a check run of its commit, which a branch's protection may require."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from kubepreview.core import comment
from kubepreview.core.comments import App
from kubepreview.core.feedback import Draft, digest_of
from kubepreview.core.model import Preview

NAME: Final = "preview"
# GitHub takes 65,535 characters.
_MOST: Final = 60_000

_Conclusion = Literal["success", "failure", "neutral", "skipped"]
_CONCLUSIONS: Final[Mapping[comment.State, _Conclusion]] = {
    "ready": "success",
    "failing": "failure",
    "refused": "failure",
    "skipped": "skipped",
    "closing": "neutral",
    "closed": "neutral",
}


def draft(preview: Preview, mark: str) -> Draft:
    """Its body: completed when there is something to conclude, the preview's test included."""
    now, sha = comment.state(preview), preview.spec.revision.sha
    conclusion = _conclusion(preview, now)
    ended: dict[str, Any] = {"status": "completed", "conclusion": conclusion}
    body: dict[str, Any] = {
        "external_id": mark,
        "output": {"title": now, "summary": comment.comment(preview)[:_MOST]},
        **(ended if conclusion else {"status": "in_progress"}),
    }
    if preview.status.url and preview.spec.state == "Open":
        body["details_url"] = preview.status.url
    return Draft(state=now, sha=sha, gist=digest_of((sha, conclusion)), body=body)


def _conclusion(preview: Preview, now: comment.State) -> _Conclusion | None:
    """None while nothing is known of this commit."""
    sha, test, served = preview.spec.revision.sha, preview.spec.test, preview.status.served
    if now in ("ready", "asleep") and test and test.sha == sha and not test.passed:
        return "failure"
    if now == "asleep":
        return "success" if served and served.sha == sha else None
    return _CONCLUSIONS.get(now)


def creation(draft_: Draft) -> Mapping[str, Any]:
    """The body that makes one."""
    return {"name": NAME, "head_sha": draft_.sha, **draft_.body}


class Run(Struct, frozen=True):
    """One, as GitHub lists it."""

    id: int
    external_id: str | None = None
    app: App | None = None


class _Runs(Struct, frozen=True):
    check_runs: tuple[Run, ...]


def read(body: bytes) -> tuple[Run, ...]:
    """A list of them. Raises ValueError for anything else."""
    return msgspec.json.decode(body, type=_Runs).check_runs


def ours(listed: Iterable[Run], mark: str, app: str) -> tuple[int, ...]:
    """The ids of those of this preview that this App made."""
    return tuple(
        each.id for each in listed if each.external_id == mark and each.app and each.app.is_known_as(app)
    )
