"""The pages of docs/reference that follow from the source, as text."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path

from kubepreview import errors
from kubepreview.errors import KubepreviewError

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


def pages() -> Mapping[str, str]:
    """The text of each page, by the name of its file."""
    rows = (f"| {kind.exit_code} | `{kind.__name__}` | {_what(kind)} |" for kind in _leaves())
    return {"errors.md": _ERRORS.format(rows="\n".join(rows))}


def _leaves() -> Iterator[type[KubepreviewError]]:
    """The errors of the tree, by exit code; the root itself is never raised."""
    kinds = (
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
    )
    found = (kind for kind in kinds if issubclass(kind, KubepreviewError) and kind is not KubepreviewError)
    return iter(sorted(found, key=lambda kind: (kind.exit_code, kind.__name__)))


def _what(kind: type[KubepreviewError]) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())
