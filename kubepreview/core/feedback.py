"""What is said on GitHub about a preview, and when it is said anew.

What is written changes with what happens, and as seldom as it can: a change of state at once, a mere
detail after a while, and nothing while the budget is spent. Every time is passed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from kubepreview.core import comment, conditions, taking
from kubepreview.core.budget import Bucket
from kubepreview.core.model import Preview

# A state that is over in a moment is not worth a word.
_PASSING_S: Final = 10.0
# A detail waits so long, and then for as long again as the state has lasted.
_DETAIL_S: Final = 30.0
# Below GitHub's limits of 80 and 500: "no more than 80 content-generating requests per minute and no more
# than 500 per hour". At the most 60 at once and 400 in an hour come to 460.
_AT_ONCE: Final = 60.0
_PER_HOUR: Final = 400.0
# "No more than 900 points per minute", 1 for a read and 5 for a write: 100 and 350, and 5 times 67.
_READS_AT_ONCE: Final = 100.0
_READS_A_MINUTE: Final = 350.0


class Draft(Struct, frozen=True, kw_only=True):
    """What is to be said about a commit: `body` is what GitHub is sent.

    `gist` changes when something has happened, `digest` with every letter.
    """

    state: comment.State
    sha: str
    gist: str
    body: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """By which it is known as written."""
        return digest_of((self.sha, self.body))


class Written(Struct, frozen=True, kw_only=True):
    """What was said last, by this process's clock; `since`: when its gist was said first."""

    gist: str
    at: float
    since: float


def draft(preview: Preview, mark: str) -> Draft:
    """The comment about a preview."""
    return Draft(
        state=comment.state(preview),
        sha=preview.spec.revision.sha,
        gist=digest_of(_gist(preview)),
        body={"body": f"{mark}\n{comment.comment(preview)}"},
    )


def marker(project_uid: str, name: str) -> str:
    """By which the comment is found again; it is not seen. Of another cluster's it is another."""
    return f"<!-- kubepreview {project_uid}/{name} -->"


def _gist(preview: Preview) -> tuple[object, ...]:
    spec, status = preview.spec, preview.status
    failure, artifact = status.failure, conditions.find(status, conditions.ARTIFACT_TAKEN)
    return (
        comment.state(preview),
        spec.revision.sha,
        status.served.sha if status.served else "",
        (spec.test.sha, spec.test.passed) if spec.test else None,
        (failure.object, failure.reason) if failure else None,
        status.receipt.blockers if status.receipt else (),
        artifact.message if artifact and artifact.reason == taking.REFUSED else "",
    )


def digest_of(value: object) -> str:
    """A short name for exactly this value."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:16]


def wait_s(next_one: Draft, last: Written | None, now: float) -> float:
    """How much longer it waits; 0 for no longer. `last` is None where nothing was said by this process."""
    if last is None:
        return 0.0
    if next_one.gist == last.gist:
        return max(last.at + max(_DETAIL_S, last.at - last.since) - now, 0.0)
    return max(last.at + _PASSING_S - now, 0.0) if next_one.state == "closing" else 0.0


def reads(now: float) -> Bucket:
    """How much may be read, however much there is to read; what is written fits beside it."""
    return Bucket(_READS_AT_ONCE, _READS_A_MINUTE / 60, now)


def budget(now: float) -> Bucket:
    """How much may be written, by every process that has this token: there is one, which leads."""
    return Bucket(_AT_ONCE, _PER_HOUR / 3600, now)
