"""The pages of docs/reference that follow from the source, as text."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubepreview import errors
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


def pages() -> Mapping[str, str]:
    """The text of each page, by the name of its file."""
    errors_rows = (f"| {kind.exit_code} | `{kind.__name__}` | {_what(kind)} |" for kind in _leaves())
    return {
        "errors.md": _ERRORS.format(rows="\n".join(errors_rows)),
        "benchmarks.md": _BENCHMARKS.format(rows="\n".join(map(_measured, json.loads(_LATEST.read_text())))),
    }


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
