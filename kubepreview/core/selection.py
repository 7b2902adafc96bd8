"""Which pull requests of the repository have a preview at all, by the project's own choice."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from kubepreview.core.model import PullRequest
from kubepreview.core.project_spec import PullRequestRules

REASONS: Final = frozenset({"Draft", "BotAuthor", "LabelMissing", "LabelIgnored", "BranchNotSelected"})
"""Why one has none, though nothing is wrong with it."""

_BOT: Final = "[bot]"


def why_not(pull_request: PullRequest, rules: PullRequestRules) -> tuple[str, str] | None:
    """The first reason against it, and what would change that; None if it has a preview."""
    return next(_reasons(pull_request, rules), None)


def _reasons(one: PullRequest, rules: PullRequestRules) -> Iterator[tuple[str, str]]:
    if one.draft and rules.drafts == "Skip":
        yield "Draft", "it is a draft, and the project waits until it is ready for review"
    if one.author.endswith(_BOT) and rules.bots == "Skip":
        yield "BotAuthor", f"its author {one.author} is a bot, and the project makes previews for people only"
    ignored = sorted({*one.labels} & {*rules.ignored_labels})
    if ignored:
        yield "LabelIgnored", f"it has the label {ignored[0]}; the next push without it asks again"
    if rules.labels and not {*one.labels} & {*rules.labels}:
        wanted = " or ".join(rules.labels)
        yield "LabelMissing", f"it has no label {wanted}; the next push with it asks again"
    # Of a branch that nobody told nothing is known.
    if rules.branches and one.base and not any(fnmatchcase(one.base, each) for each in rules.branches):
        wanted = " or ".join(rules.branches)
        yield (
            "BranchNotSelected",
            f"it goes into {one.base}, and previews are of what goes into {wanted}",
        )
