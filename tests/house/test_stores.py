"""What is watched changes at every `await`: nobody goes through it and waits on the way."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.tree import parsed, python_files

_ROOM = Path("kubepreview/controller")


def _waits(loop: ast.For) -> bool:
    return any(isinstance(node, ast.Await) for part in loop.body for node in ast.walk(part))


def _is_live(iterated: ast.expr) -> bool:
    """`….store`, or its items or values, and not a list that was made of them."""
    if isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Attribute):
        iterated = iterated.func.value
    return isinstance(iterated, ast.Attribute) and iterated.attr == "store"


def _faults(tree: ast.AST, where: str) -> list[str]:
    loops = (node for node in ast.walk(tree) if isinstance(node, ast.For))
    return [f"{where}:{loop.lineno}" for loop in loops if _is_live(loop.iter) and _waits(loop)]


def test_nobody_waits_while_going_through_what_is_watched() -> None:
    """A change meanwhile would end the process."""
    rooms = [path for path in python_files() if path.is_relative_to(_ROOM)]
    assert rooms
    assert [fault for path in rooms for fault in _faults(parsed(path), str(path))] == []


def test_the_rule_sees_what_it_forbids() -> None:
    """A loop over the store itself; and not one over a copy, or one that only counts."""
    text = """
async def f(watches):
    for key, known in watches.previews.store.items():
        await g(key)
    for key in watches.previews.store:
        await g(key)
    for key in list(watches.previews.store):
        await g(key)
    for key in watches.previews.store:
        print(key)
"""
    assert _faults(ast.parse(text), "x") == ["x:3", "x:5"]
