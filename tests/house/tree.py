"""The files of this tree, as git lists them: tracked, and new ones that are not ignored."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or is about to be, part of the project; relative to its root."""
    # The owner of a checkout is another one inside a container of continuous integration.
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    listing = subprocess.run(  # noqa: S603 - our own words
        [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (Path(name) for name in listing.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if (ROOT / path).is_file()))


def python_files() -> tuple[Path, ...]:
    """Those that are Python."""
    return tuple(path for path in files() if path.suffix == ".py")


@cache
def source(path: Path) -> str:
    """The text of a file."""
    return (ROOT / path).read_text()


@cache
def parsed(path: Path) -> ast.Module:
    """A Python file as a tree."""
    return ast.parse(source(path), str(path))


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that is text."""
    for path in files():
        try:
            yield path, source(path)
        except UnicodeDecodeError:
            continue
