"""The types of a Preview's conditions, and how one is found."""

from __future__ import annotations

from typing import Final

from kubepreview.core.model import Condition, PreviewStatus

ACCEPTED: Final = "Accepted"
APPLIED: Final = "Applied"
AVAILABLE: Final = "Available"
SERVED: Final = "Served"
READY: Final = "Ready"
ASLEEP: Final = "Asleep"
EXPIRING: Final = "Expiring"
# Written beside the others, by whoever reads pull requests.
PULL_REQUEST_OPEN: Final = "PullRequestOpen"
# The same, by whoever takes artifacts from registries.
ARTIFACT_TAKEN: Final = "ArtifactTaken"
OF_OTHERS: Final = frozenset({PULL_REQUEST_OPEN, ARTIFACT_TAKEN})


def find(status: PreviewStatus, kind: str) -> Condition | None:
    """The condition of that type."""
    return next((condition for condition in status.conditions if condition.type == kind), None)
