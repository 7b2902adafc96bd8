"""Which pull requests have a preview: each rule with its reason, and none that nobody made."""

from __future__ import annotations

from typing import Any

import pytest

from kubepreview.core import comment
from kubepreview.core.acceptance import Rejected, accept
from kubepreview.core.selection import REASONS

from .examples import preview, project

_PLAIN = {"number": 7, "author": "ada", "base": "main"}


def _verdict(rules: dict[str, Any], **pull_request: Any) -> str:
    of = preview(pullRequest={**_PLAIN, **pull_request})
    found = accept(of, project(pullRequests=rules))
    return found.reason if isinstance(found, Rejected) else ""


@pytest.mark.parametrize(
    ("rules", "pull_request", "reason"),
    [
        ({}, {"draft": True, "author": "dependabot[bot]", "labels": ["wip"], "base": "next"}, ""),
        ({"drafts": "Skip"}, {"draft": True}, "Draft"),
        ({"drafts": "Skip"}, {}, ""),
        ({"bots": "Skip"}, {"author": "dependabot[bot]"}, "BotAuthor"),
        ({"bots": "Skip"}, {"author": "robot"}, ""),
        ({"labels": ["preview", "e2e"]}, {"labels": ["bug"]}, "LabelMissing"),
        ({"labels": ["preview", "e2e"]}, {"labels": ["bug", "e2e"]}, ""),
        ({"ignoredLabels": ["no preview"]}, {"labels": ["no preview"]}, "LabelIgnored"),
        ({"labels": ["preview"], "ignoredLabels": ["wip"]}, {"labels": ["preview", "wip"]}, "LabelIgnored"),
        ({"branches": ["main", "release/*"]}, {"base": "release/1.2"}, ""),
        ({"branches": ["main", "release/*"]}, {"base": "mainline"}, "BranchNotSelected"),
        ({"branches": ["main"]}, {"base": ""}, ""),
    ],
)
def test_a_rule_selects(rules: dict[str, Any], pull_request: dict[str, Any], reason: str) -> None:
    """What is against it is told by its reason."""
    assert _verdict(rules, **pull_request) == reason
    assert not reason or reason in REASONS


def test_one_that_has_none_is_said_to_be_skipped() -> None:
    """Nothing is wrong with it."""
    ready = {"type": "Ready", "status": "False", "reason": "Draft", "message": "it is a draft"}
    conditions = [{**ready, "observedGeneration": 1, "lastTransitionTime": "2026-01-02T03:04:05Z"}]
    of = preview(status={"conditions": conditions})

    assert comment.state(of) == "skipped"
    assert "| Why | `it is a draft` |" in comment.comment(of)
