"""What stands in comments, in documents, and in files of every kind."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import ROOT, files, python_files, source, texts

# A waiver names what it waives, and then gives its reason on the same line.
WAIVER = re.compile(r"#\s*(?P<kind>noqa|type:\s*ignore|pragma:\s*no\s?(?:cover|branch))\b(?P<rest>.*)")
CODES = {
    "noqa": re.compile(r":\s*[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*"),
    "type": re.compile(r"\[[a-z-]+(?:\s*,\s*[a-z-]+)*\]"),
    "pragma": re.compile(""),
}
A_WORD = re.compile(r"[a-z]{3,}", re.IGNORECASE)

# The machine chooses the registry or the mirror.
REGISTRY = re.compile(
    r"\b(?:pypi|pythonhosted|(?:proxy|sum)\.golang|(?:deb|security|snapshot)\.debian|registry\.npmjs)\.(?:org|com)\b"
)

DECISIONS = Path("docs/decisions")
STATUS = re.compile(r"^Status: (?:proposed|accepted|rejected|superseded by \[?\d{4})", re.MULTILINE)


def test_each_waiver_gives_its_reason() -> None:
    """A `noqa`, `type: ignore` or `pragma: no cover` names its rule, and says why on the same line."""
    bare = [f"{path}:{line} {text}" for path in python_files() for line, text in _waivers(path)]

    assert bare == []


def _waivers(path: Path) -> Iterator[tuple[int, str]]:
    """Those that lack the rule or the reason."""
    for token in tokenize.generate_tokens(io.StringIO(source(path)).readline):
        waiver = WAIVER.search(token.string) if token.type == tokenize.COMMENT else None
        if waiver is None:
            continue
        rule = CODES[waiver["kind"].split(":")[0]].match(waiver["rest"])
        if rule is None or not A_WORD.search(waiver["rest"][rule.end() :]):
            yield token.start[0], token.string


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is set on the machine, never in the tree."""
    assert [f"{path}: {hit[0]}" for path, text in texts() for hit in REGISTRY.finditer(text)] == []


def test_no_file_names_a_place_of_this_machine() -> None:
    """Neither this checkout nor the home of whoever runs the tests is named by its path."""
    here = re.compile("|".join(rf"(?<![\w.)}}*-]){re.escape(str(place))}/" for place in (ROOT, Path.home())))

    assert [f"{path}: {hit[0]}" for path, text in texts() for hit in here.finditer(text)] == []


def test_each_decision_has_a_status() -> None:
    """A record says whether it holds, and the index lists it by its title."""
    records = [path for path in files() if path.parent == DECISIONS and path.name != "README.md"]
    index = source(DECISIONS / "README.md")

    assert records
    assert [str(path) for path in records if not STATUS.search(source(path))] == []
    assert [path.name for path in records if f"[{_title(path)}]({path.name})" not in index] == []


def _title(path: Path) -> str:
    return source(path).splitlines()[0].removeprefix("# ")
