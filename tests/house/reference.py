"""The pages of docs/reference that follow from the source, as text."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubepreview import errors
from kubepreview.core import foreign, kinds, policies
from kubepreview.core.policy import Policy
from kubepreview.errors import KubepreviewError
from tests.house.tree import ROOT

FOLDER = Path("docs/reference")

_ERRORS = """\
# Exit codes

What a command's exit code means. A script may rely on the numbers; the words on stderr may change.

| code | error | what it says |
| --- | --- | --- |
| 0 | | Done. |
{rows}
| 130 | | Interrupted from the keyboard. |

Every error says what was tried, on what, and why it failed; where there is something to do next, a line
that begins with `hint:` says it. With `--debug`, an unexpected error shows its traceback.

*Written by `make goldens` from `kubepreview/errors.py`.*
"""


_BENCHMARKS = """\
# What it costs

What `make bench` measured last, each row for itself, on two cores: medians of rounds in which both took
turns. A ratio says more than a time. Where there is a contestant the goal bounds the ratio, for `d` the
difference, otherwise the figure itself.

| id | what | ours | theirs | ratio | goal | holds | rounds | spread of ours |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

*Written by `make goldens` from `benchmarks/latest.json`.*
"""
_LATEST = ROOT / "benchmarks" / "latest.json"


_POLICIES = """\
# What the apiserver requires of a preview

Admission policies, written by `kubepreview install` and evaluated inside the apiserver, in the namespaces of
previews and nowhere else. They hold for whoever writes; those of `kubepreview-objects` for what a pull
request brings, whose author is told the words on the right.

| policy | of | what is refused, and what to do |
| --- | --- | --- |
{rules}

What is put in where the author has not said it:

| policy | of | where | is put in |
| --- | --- | --- | --- |
{mutations}

## What other controllers obey

An annotation or a label whose key is of one of these domains, or below, is refused; `kubepreview up` leaves
it out and says so.

| domain | whoever obeys it |
| --- | --- |
{obeyed}

*Written by `make goldens` from `kubepreview/core/policies.py` and `kubepreview/core/foreign.py`.*
"""


def pages() -> Mapping[str, str]:
    """The text of each page, by the name of its file."""
    errors_rows = (f"| {kind.exit_code} | `{kind.__name__}` | {_what(kind)} |" for kind in _leaves())
    return {
        "policies.md": _policies(),
        "errors.md": _ERRORS.format(rows="\n".join(errors_rows)),
        "benchmarks.md": _BENCHMARKS.format(rows="\n".join(map(_measured, json.loads(_LATEST.read_text())))),
    }


def _policies() -> str:
    rules = (
        f"| `{policy.name}` | {_resources(policy)} | {rule.message} |"
        for policy in policies.POLICIES
        for rule in policy.rules
    )
    mutations = (
        f"| `{policy.name}` | {_resources(policy)} | {_code(policy.when)} | {_put_in(policy)} |"
        for policy in policies.POLICIES
        if policy.mutates
    )
    obeyed = (f"| `{domain}` | {does} |" for domain, does in foreign.OBEYED)
    rows = (mutations, rules, obeyed)
    written = dict(zip(("mutations", "rules", "obeyed"), map("\n".join, rows), strict=True))
    return _POLICIES.format(**written)


def _put_in(policy: Policy) -> str:
    return _code(policy.puts_in or policy.patches)


def _resources(policy: Policy) -> str:
    if len(policy.resources) == len(kinds.ALLOWED):
        return "everything"
    return ", ".join(plural for _, plural in policy.resources)


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _measured(result: Mapping[str, Any]) -> str:
    unit, (least, most, *_) = result["unit"], result["spread"]
    ours, theirs = (_figure(result[name], unit) for name in ("ours", "theirs"))
    ratio = "" if result["ratio"] is None else f"{result['ratio']:.2f}"
    holds = "yes" if result["holds"] else "**no**"
    spread = f"{_figure(least, unit)} to {_figure(most, unit)}"
    cells = (result["id"], result["what"], ours, theirs, ratio, result["goal"], holds, result["n"], spread)
    return f"| {' | '.join(map(str, cells))} |"


def _figure(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.3g} {unit}"


def _leaves() -> Iterator[type[KubepreviewError]]:
    """The errors of the tree, by exit code; the root itself is never raised."""
    kinds = (
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
    )
    found = (kind for kind in kinds if issubclass(kind, KubepreviewError) and kind is not KubepreviewError)
    return iter(sorted(found, key=lambda kind: (kind.exit_code, kind.__name__)))


def _what(kind: type[KubepreviewError]) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())
