"""The published figures of what a hostile pull request gets: counted by tests, and kept in one page.

`make test-security` writes what it counted; every other run compares, and fails where a figure has changed or
misses its goal. A row that was not counted stays as it was, with its own date and commit.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.house.tree import ROOT

PAGE: Final = ROOT / "docs" / "security-figures.md"
_HEAD: Final = """\
# Security figures

What was tried against the product's walls, and what came of it. Tier S is the product's own code alone; A is
a real etcd and kube-apiserver with everything that `kubepreview install` applies, and no node; C is a whole
control plane with nodes that kwok plays; N is a node with kubelet, containers and network policies. It is
written by `make test-security`; `make test` counts again, some rows with fewer tries, and fails where one has
changed. What is tried stands in `tests/security` and `tests/cluster/walls`.

| id | figure | tier | goal | result | n | date | commit |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
_FOOT: Final = """
"0 of n" bounds a share by 3/n with 95% confidence, and says nothing of what was not tried.
"""


class Row(NamedTuple):
    """One figure: how it is named, the machinery that it takes, and what it should be."""

    id: str
    figure: str
    tier: str
    # "all", "0", a share like "95%", or nothing.
    goal: str = ""
    # Every run tries some, and not each as many.
    is_sampled: bool = False


def _in_form(form: str) -> Row:
    return Row("F1", f"the same as {form}, by `up`: refused, or made harmless and told so", "S + A", "all")


def _by_peer(peer: str) -> Row:
    return Row("F31", f"hostile objects that {peer} takes", "A")


# In the order of the page, by what tests call them.
ROWS: Final[Mapping[str, Row]] = {
    "hostile refused": Row("F1", "hostile objects refused by the apiserver alone", "A", "all"),
    "hostile explained": Row("F1", "refusals that name object, field, rule and cure", "S", "all"),
    **{f"as {form}": _in_form(form) for form in ("plain files", "a List", "kustomize", "a Helm chart")},
    "hostile refused early": Row("F2", "hostile objects that the early check alone refuses", "S", "all"),
    "ordinary taken": Row("F3", "ordinary applications of others taken, `userns`", "S + A", "95%"),
    "ordinary taken, restricted": Row("F3", "ordinary applications of others taken, `restricted`", "S + A"),
    "rights": Row("F4", "rights of a preview's account beyond the published", "A", "0"),
    "controller": Row("F5", "writes of the controller outside of previews", "A", "0"),
    "writers": Row("F5", "one project's account in another's namespace, or at a limit", "A", "0"),
    "connections out": Row("F7", "connections out of a preview that should not be", "N", "0"),
    "connections out, starting": Row("F7", "connections out of a preview that is starting", "N", "0"),
    "connections out, ending": Row("F7", "connections out of a preview that is terminating", "N", "0"),
    "connections in": Row("F7", "connections into a preview that should not be", "N", "0"),
    "connections in, ending": Row("F7", "connections into a preview that is terminating", "N", "0"),
    "names of others": Row("F7", "names of other namespaces that a preview can look up (known)", "N"),
    "displaced": Row("F8", "pods of staging displaced by previews of every priority", "C", "0"),
    "crowd": Row("F8", "of those previews, how many waited for room", "C", "all", is_sampled=True),
    "images": Row(
        "F12", "rollouts whose tag is pushed anew that run what was recorded", "N", "all", is_sampled=True
    ),
    "secrets seen": Row("F14", "planted secrets seen in a log, comment, event, evidence or error", "N", "0"),
    "injections": Row(
        "F15", "hostile titles, messages and logs that are more than text where shown", "S", "0"
    ),
    "names": Row("F15", "pull requests that share the name of a namespace", "S", "0"),
    "trees": Row("F16", "packets, files, programs and minutes that hostile checkouts got", "S", "0"),
    "left behind": Row("F30", "objects left of those that `install` brought, after `uninstall`", "N", "0"),
    "by an administrator": _by_peer("`kubectl apply` as an administrator"),
    "by an owner": _by_peer("`kubectl apply` with ClusterRole `admin` in the namespace"),
    "by an owner, restricted": _by_peer("the same with Pod Security `restricted`"),
}


@dataclass
class Tally:
    """How often something was so, of how many times it was tried."""

    result: int = 0
    n: int = 0

    def meets(self, goal: str) -> bool:
        """Whether the goal of its row is met."""
        if goal == "all":
            return self.result == self.n
        if goal.endswith("%"):
            return 100 * self.result >= int(goal[:-1]) * self.n
        return goal == "" or self.result == int(goal)

    def cells(self, goal: str) -> tuple[str, str]:
        """Result and n, as the page shows them."""
        share = f" ({100 * self.result / self.n:.1f}%)" if goal.endswith("%") or not goal else ""
        return f"{self.result}{share}", str(self.n)


@dataclass
class Figures:
    """What was counted so far; a test adds to it before it asserts."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    # What the page lists below the table, by heading: a text, and a line for each of them.
    lists: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def count(self, name: str, result: int, n: int = 1) -> None:
        """Of `n` more times, it was so `result` times."""
        assert name in ROWS, f"{name} is no row of the page"
        tally = self.tallies.setdefault(name, Tally())
        tally.result += result
        tally.n += n

    def note(self, heading: str, text: str, line: str) -> None:
        """Add a line to a list of the page."""
        self.lists.setdefault(heading, (text, []))[1].append(line)

    def differences(self) -> list[str]:
        """What was counted otherwise than it is published, or misses its goal."""
        published = _published()
        return [
            f"{row.figure}: {' of '.join(cells)}, published {' of '.join(old[:2]) if old else 'nothing'}"
            for name, tally in self.tallies.items()
            for row in (ROWS[name],)
            for cells, old in ((tally.cells(row.goal), published.get(row[:4], ())),)
            if (old[:2] != cells and not row.is_sampled) or not tally.meets(row.goal)
        ]

    def page(self, now: dt.datetime) -> str:
        """The whole page, with what was not counted as it was."""
        rows = "".join(f"| {' | '.join((*row[:4], *cells))} |\n" for row, cells in self._rows(now))
        return _HEAD + rows + _FOOT + "".join(self._sections())

    def _rows(self, now: dt.datetime) -> Iterator[tuple[Row, tuple[str, ...]]]:
        published, commit = _published(), _commit()
        for name, row in ROWS.items():
            if tally := self.tallies.get(name):
                yield row, (*tally.cells(row.goal), f"{now:%Y-%m-%d}", f"`{commit}`")
            else:
                yield row, published.get(row[:4], ("not run", "", "", ""))

    def _sections(self) -> Iterator[str]:
        kept = dict(re.findall(r"^## (.+)\n\n((?:(?!^## ).*\n)+)", _page(), re.MULTILINE))
        new = {
            heading: f"{text}\n\n" + "".join(f"- {line}\n" for line in sorted(lines))
            for heading, (text, lines) in self.lists.items()
        }
        for heading, body in {**kept, **new}.items():
            yield f"\n## {heading}\n\n{body.rstrip()}\n"


def _page() -> str:
    return PAGE.read_text() if PAGE.exists() else ""


def _published() -> dict[tuple[str, ...], tuple[str, ...]]:
    """Result, n, date and commit of each row of the page as it is."""
    lines = re.findall(r"^\| (F\d+ .*) \|$", _page(), re.MULTILINE)
    cells = [tuple(cell.strip() for cell in line.split("|")) for line in lines]
    return {each[:4]: each[4:] for each in cells}


def _commit() -> str:
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    said = subprocess.run(git, check=True, capture_output=True, text=True)  # noqa: S603 — our own words
    return said.stdout.strip()
