"""Which pull requests have a preview: each rule with its reason, and none that nobody made."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from kubepreview.core import comment
from kubepreview.core.acceptance import Rejected, accept
from kubepreview.core.model import PreviewStatus
from kubepreview.core.selection import PATHS_UNKNOWN, REASONS, paths

from .examples import OLD_SHA, SHA, preview, project

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


def _of_paths(rules: dict[str, Any], changed: tuple[str, ...] | None, sha: str = SHA) -> str:
    """The verdict on a commit, when this was said of one."""
    made = project(pullRequests=rules)
    known = paths(sha, changed, made.spec.pull_requests)
    found = accept(replace(preview(), status=PreviewStatus(paths=known)), made)
    return found.reason if isinstance(found, Rejected) else ""


@pytest.mark.parametrize(
    ("rules", "changed", "reason"),
    [
        ({"paths": ["src/*"]}, ("src/web/app.py",), ""),
        ({"paths": ["src/*"]}, ("docs/a.md", "src/app.py"), ""),
        ({"paths": ["src/*"]}, ("docs/src/a.md",), "PathsNotChanged"),
        ({"paths": ["src/*"]}, (), "PathsNotChanged"),
        ({"ignoredPaths": ["docs/*", "*.md"]}, ("docs/a.png", "README.md"), "PathsNotChanged"),
        ({"ignoredPaths": ["docs/*", "*.md"]}, ("README.md", "Makefile"), ""),
        ({"paths": ["src/*"], "ignoredPaths": ["*_test.py"]}, ("src/a_test.py",), "PathsNotChanged"),
        # More files than GitHub lists.
        ({"paths": ["src/*"]}, None, ""),
    ],
)
def test_what_it_changes_selects(rules: dict[str, Any], changed: tuple[str, ...] | None, reason: str) -> None:
    """A file of the paths that is not of the ignored ones."""
    assert _of_paths(rules, changed) == reason


def test_until_it_is_known_what_it_changes_nothing_is_built() -> None:
    """What was said of another commit, or by other rules, is not known of this one."""
    rules = {"paths": ["src/*"]}
    assert _of_paths(rules, ("src/a",), sha=OLD_SHA) == PATHS_UNKNOWN
    unasked = accept(preview(), project(pullRequests=rules))
    assert isinstance(unasked, Rejected)
    assert unasked.reason == PATHS_UNKNOWN
    others = paths(SHA, ("src/a",), project(pullRequests={"paths": ["*"]}).spec.pull_requests)
    found = accept(replace(preview(), status=PreviewStatus(paths=others)), project(pullRequests=rules))
    assert isinstance(found, Rejected)
    assert found.reason == PATHS_UNKNOWN


def test_one_that_has_none_is_said_to_be_skipped() -> None:
    """Nothing is wrong with it."""
    ready = {"type": "Ready", "status": "False", "reason": "Draft", "message": "it is a draft"}
    conditions = [{**ready, "observedGeneration": 1, "lastTransitionTime": "2026-01-02T03:04:05Z"}]
    of = preview(status={"conditions": conditions})

    assert comment.state(of) == "skipped"
    assert "| Why | `it is a draft` |" in comment.comment(of)
