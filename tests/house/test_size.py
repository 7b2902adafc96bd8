"""How much of the source a reader has to hold in mind at once."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.tree import parsed, python_files, source

MOST_LINES_OF_A_MODULE = 400
MOST_LINES_OF_A_FUNCTION = 40


def test_no_module_is_longer_than_400_lines() -> None:
    """A module of more than 400 lines is two modules."""
    lengths = {str(path): len(source(path).splitlines()) for path in python_files()}

    assert {path: length for path, length in lengths.items() if length > MOST_LINES_OF_A_MODULE} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    """A function of more than 40 lines, its docstring apart, does more than one thing."""
    lengths = {place: length for path in python_files() for place, length in _functions(path)}

    assert {place: length for place, length in lengths.items() if length > MOST_LINES_OF_A_FUNCTION} == {}


def _functions(path: Path) -> list[tuple[str, int]]:
    functions = (
        node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [(f"{path}:{node.lineno} {node.name}", _length(node)) for node in functions]


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    last = function.end_lineno or function.lineno
    docstring = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    apart = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return last - function.lineno + 1 - apart
