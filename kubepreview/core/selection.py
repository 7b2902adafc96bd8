"""Which pull requests of the repository have a preview at all, by the project's own choice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from kubepreview.core.model import Paths, Preview, PullRequest
from kubepreview.core.project_spec import PullRequestRules

PATHS_UNKNOWN: Final = "PathsUnknown"
REASONS: Final = frozenset(
    {"Draft", "BotAuthor", "LabelMissing", "LabelIgnored", "BranchNotSelected", "PathsNotChanged"}
)
"""Why one has none, though nothing is wrong with it."""

_BOT: Final = "[bot]"


def why_not(preview: Preview, rules: PullRequestRules) -> tuple[str, str] | None:
    """The first reason against it, and what would change that; None if it has a preview."""
    reasons = (*_reasons(preview.spec.pull_request, rules), *_paths_reasons(preview, rules))
    return next(iter(reasons), None)


def matters(one: PullRequest, other: PullRequest, rules: PullRequestRules) -> bool:
    """Whether it makes a difference that a pull request is like the one, and not like the other."""
    return [*_reasons(one, rules)] != [*_reasons(other, rules)]


def asks_for_paths(rules: PullRequestRules) -> bool:
    """Whether it matters which files a pull request changes."""
    return bool(rules.paths or rules.ignored_paths)


def paths(sha: str, changed: Iterable[str] | None, rules: PullRequestRules) -> Paths:
    """What follows from the files that a commit's pull request changes; None is more than can be listed."""
    does_change = changed is None or any(_counts(path, rules) for path in changed)
    return Paths(sha=sha, rules=_digest(rules), changed=does_change)


def are_known(known: Paths | None, sha: str, rules: PullRequestRules) -> bool:
    """Whether that was said of this commit, by the rules as they are now."""
    return known is not None and (known.sha, known.rules) == (sha, _digest(rules))


def _counts(path: str, rules: PullRequestRules) -> bool:
    if any(fnmatchcase(path, each) for each in rules.ignored_paths):
        return False
    return not rules.paths or any(fnmatchcase(path, each) for each in rules.paths)


def _digest(rules: PullRequestRules) -> str:
    return hashlib.sha256(msgspec.json.encode((rules.paths, rules.ignored_paths))).hexdigest()[:16]


def _paths_reasons(preview: Preview, rules: PullRequestRules) -> Iterator[tuple[str, str]]:
    if not asks_for_paths(rules):
        return
    known, sha = preview.status.paths, preview.spec.revision.sha
    if known is None or not are_known(known, sha, rules):
        yield PATHS_UNKNOWN, f"waiting for GitHub to say which files {sha[:7]} changes"
    elif not known.changed:
        wanted = f" ({', '.join(rules.paths)})" if rules.paths else ""
        yield "PathsNotChanged", f"it changes no file that the project makes previews for{wanted}"


def _reasons(one: PullRequest, rules: PullRequestRules) -> Iterator[tuple[str, str]]:
    if one.draft and rules.drafts == "Skip":
        yield "Draft", "it is a draft, and the project waits until it is ready for review"
    if one.author.endswith(_BOT) and rules.bots == "Skip":
        yield "BotAuthor", f"its author {one.author} is a bot, and the project makes previews for people only"
    ignored = sorted({*one.labels} & {*rules.ignored_labels})
    if ignored:
        yield "LabelIgnored", f"it has the label {ignored[0]}; without it there is one"
    if rules.labels and not {*one.labels} & {*rules.labels}:
        wanted = " or ".join(rules.labels)
        yield "LabelMissing", f"it has no label {wanted}; with it there is one"
    # Of a branch that nobody told nothing is known.
    if rules.branches and one.base and not any(fnmatchcase(one.base, each) for each in rules.branches):
        wanted = " or ".join(rules.branches)
        yield (
            "BranchNotSelected",
            f"it goes into {one.base}, and previews are of what goes into {wanted}",
        )
