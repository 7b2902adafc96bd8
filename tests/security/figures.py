"""The published figures of what a hostile pull request gets: counted by the tests, and kept in one page.

`make test-security` writes the page; every other run compares, and fails where a figure has fallen.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.house.tree import ROOT
from tests.security.forms import FORMS

PAGE: Final = ROOT / "docs" / "security-figures.md"
_TEXT: Final = """\
# Security figures

What was tried against the product's walls, and what came of it. Tier A is a real etcd and kube-apiserver with
everything that `kubepreview install` applies, and no node; S is the early check alone. Written by
`make test-security` on {date} at commit `{commit}`; `make test` counts again, and fails where a figure has
fallen. What is tried stands in `tests/security`.

| id | figure | tier | goal | result | n |
| --- | --- | --- | --- | --- | --- |
{rows}

"0 of n" bounds a share by 3/n with 95% confidence, and says nothing of what was not tried.

## Ordinary applications that are refused

{refused}

## Ordinary applications that the profile `restricted` refuses

They run as root, or do not say that they do not; a `securityContext` is what mends it. Of {ordinary}, it
refuses {strict}:
{strictly}
"""


@dataclass
class Figures:
    """What was counted so far; a test adds to it before it asserts."""

    hostile: set[str] = field(default_factory=set)
    tried: int = 0
    early: int = 0
    refused: int = 0
    explained: int = 0
    # By form, how many are refused, and how many are made harmless and told so.
    forms: dict[str, tuple[int, int]] = field(default_factory=dict)
    # By the peer, how many it takes as they are.
    peers: dict[str, int] = field(default_factory=dict)
    ordinary: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    strict: set[str] = field(default_factory=set)
    cures: dict[str, str] = field(default_factory=dict)
    pairs: int = 0
    extra: int = 0
    reached: int = -1
    attempts: int = 0
    crossed: int = -1
    crossings: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every part was counted; a run of some tests counts some."""
        counts = (self.tried, self.early, self.pairs, self.attempts, self.crossings, self.ordinary)
        return all(counts) and bool(self.peers) and len(self.forms) == len(FORMS)

    def rows(self) -> Sequence[str]:
        """The table."""
        classes, n = len(self.hostile), len(self.ordinary)
        hostile = f"{self.tried} objects of {classes} classes"
        rows = (
            ("F1", "hostile objects refused, and each explained", "A", "all", self.refused, hostile),
            ("F1", "refusals that name object, field, rule and cure", "S", "all", self.explained, hostile),
            *self._forms(),
            ("F2", "hostile objects that the early check alone refuses", "S", "all", self.early, hostile),
            ("F3", "ordinary applications taken, `userns`", "S + A", "95%", _share(len(self.taken), n), n),
            ("F3", "the same, `restricted`", "S + A", "", _share(n - len(self.strict), n), n),
            ("F4", "rights of a preview's account beyond the published", "A", "0", self.extra, self.pairs),
            ("F5", "writes of the controller outside of previews", "A", "0", self.reached, self.attempts),
            ("F5", "one project's account in another's namespace", "A", "0", self.crossed, self.crossings),
            *(
                ("F31", f"hostile objects that {peer} takes", "A", "", taken, self.tried)
                for peer, taken in self.peers.items()
            ),
        )
        return [f"| {' | '.join(map(str, row))} |" for row in rows]

    def _forms(self) -> Iterator[tuple[object, ...]]:
        for form, (refused, harmless) in self.forms.items():
            how = f"the same as {form}, by `up`: refused, or made harmless and told so"
            yield "F1", how, "S + A", "all", f"{refused} + {harmless}", self.tried

    def page(self, now: dt.datetime) -> str:
        """The whole page."""
        git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
        said = subprocess.run(git, check=True, capture_output=True, text=True)  # noqa: S603 — our own words
        commit = said.stdout.strip()
        return _TEXT.format(
            date=f"{now:%Y-%m-%d}",
            commit=commit,
            rows="\n".join(self.rows()),
            refused="\n".join(f"- `{name}`: {cure}" for name, cure in sorted(self.cures.items())),
            ordinary=len(self.ordinary),
            strict=len(self.strict),
            strictly=", ".join(f"`{name}`" for name in sorted(self.strict)),
        )


def _share(count: int, of: int) -> str:
    return f"{count} ({100 * count / of:.1f}%)" if of else "none"


def published() -> Sequence[str]:
    """The rows of the page as it is."""
    return re.findall(r"^\| F\d+ .*\|$", PAGE.read_text(), re.MULTILINE) if PAGE.exists() else []
