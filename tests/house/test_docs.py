"""What the documents point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_DOCUMENTS = sorted((ROOT / "docs").rglob("*.md")) + sorted(ROOT.glob("*.md"))
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_is_named_is_there(document: Path) -> None:
    """By its file and its name."""
    missing = []
    for path, name in _TEST.findall(document.read_text()):
        file = ROOT / path
        if not file.is_file() or (name and not re.search(rf"def {name}\(", file.read_text())):
            missing.append(f"{path}::{name}" if name else path)

    assert missing == []


def test_the_eighteen_faults_are_eighteen_and_each_is_shown() -> None:
    """No row without a test."""
    lines = (ROOT / "docs/eighteen-faults.md").read_text().splitlines()
    rows = [line for line in lines if re.match(r"\| \d+ \|", line)]

    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 19))
    assert all("::test_" in row for row in rows)
