"""What the rooms promise of themselves."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.house.tree import ROOT, files, parsed, python_files, source

# Names that say nothing of what is inside, so that anything ends there.
EMPTY_NAMES = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def test_each_room_states_its_law() -> None:
    """The docstring of every room has a paragraph that begins with `Law:`."""
    rooms = [path for path in python_files() if path.parts[0] == "kubepreview" and path.name == "__init__.py"]

    assert rooms
    assert [str(room) for room in rooms if "\nLaw: " not in (ast.get_docstring(parsed(room)) or "")] == []


def test_names_tell_what_is_inside() -> None:
    """No module and no folder is called utils, helpers, common, manager or misc."""
    assert [str(path) for path in python_files() if EMPTY_NAMES & {*path.parts, path.stem}] == []


def test_docstrings_name_only_what_is_there() -> None:
    """No docstring speaks of a module of ours that is gone."""
    dead = [
        f"{path}: {name}"
        for path in python_files()
        for docstring in _docstrings(path)
        for name in re.findall(r"(?<![\w./@-])kubepreview(?!\.dev\b)(?:\.[a-z_]\w*)+", docstring)
        if not _is_there(name.split("."))
    ]

    assert dead == []


def _docstrings(path: Path) -> list[str]:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = (node for node in ast.walk(parsed(path)) if isinstance(node, documented))
    return [ast.get_docstring(node) or "" for node in nodes]


def _is_there(parts: Sequence[str]) -> bool:
    """Whether a dotted name is a module, or a name in one."""
    for depth in range(len(parts), 1, -1):
        place = Path(*parts[:depth])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if (ROOT / file).is_file():
                return depth == len(parts) or parts[depth] in _names(file)
    return False


def _names(path: Path) -> set[str]:
    return set(re.findall(r"^(?:(?:async )?def |class )?(\w+)", source(path), re.MULTILINE))


def test_the_pure_room_is_light() -> None:
    """Importing the package and its pure room loads no event loop, no HTTP client and no command line."""
    pure = (path for path in python_files() if path.parts[:2] == ("kubepreview", "core"))
    modules = [".".join(path.with_suffix("").parts) for path in pure]
    heavy = (
        "asyncio",
        "httpx2",
        "click",
        "rich",
        "yaml",
        "structlog",
        "starlette",
        "cryptography",
        "subprocess",
    )
    program = (
        f"import kubepreview, {', '.join(modules)}, sys; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    )
    said = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )

    assert said.stdout.split() == []


def test_the_type_checker_sees_every_folder() -> None:
    """Each folder at the root that holds Python is checked by mypy."""
    settings = tomllib.loads(source(Path("pyproject.toml")))

    assert {path.parts[0] for path in files() if path.suffix == ".py"} == set(
        settings["tool"]["mypy"]["files"]
    )
