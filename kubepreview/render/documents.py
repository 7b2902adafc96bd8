"""The bytes of a file → documents that know where each of their parts is written."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from kubepreview.errors import InvalidInput, Problem
from kubepreview.render import yaml_values
from kubepreview.render.yaml_nodes import MAX_HEIGHT, Malformed, Mapping, Node, Scalar, Sequence, compose

MAX_FILE_BYTES = 1024 * 1024
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a file. `at` gives the place of a part of it, for messages."""

    value: Any
    file: str
    line: int
    node: Node | None = field(default=None, repr=False)
    is_rendered: bool = False
    """The lines are those of a program's output, not of a file that a person can open."""

    def at(self, *path: str | int) -> str:
        """Where the part is written: the line of its key, or of the nearest part around it."""
        line = self.line
        node = self.node
        for step in path:
            line, node = _step(node, step, line)
        return f"{self.file} (line {line} as rendered)" if self.is_rendered else f"{self.file}:{line}"


def parse(raw: bytes, file: str, *, is_rendered: bool = False) -> list[Document]:
    """The documents that are not empty. Raises InvalidInput with every fault of the file."""
    if len(raw) > MAX_FILE_BYTES and not is_rendered:
        raise Malformed(file, f"is larger than {MAX_FILE_BYTES // 1024} KiB", "split it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Malformed(f"{file}:{line}", "is not UTF-8", "save it as UTF-8") from error
    if file.endswith(".json"):
        return list(_parse_json(text, file))
    problems: list[Problem] = []
    documents = [
        Document(
            value=yaml_values.build(node, file, problems, is_rendered=is_rendered),
            file=file,
            line=node.line,
            node=node,
            is_rendered=is_rendered,
        )
        for node in compose(text, file)
    ]
    if problems:
        raise InvalidInput(f"{file} is not a manifest as it stands", problems=problems)
    return documents


@contextmanager
def gathering(problems: list[Problem]) -> Iterator[None]:
    """Keep the problems of an InvalidInput raised inside, and go on after the block.

    One that names no place has none to keep, and passes.
    """
    try:
        yield
    except InvalidInput as error:
        if not error.problems:
            raise
        problems.extend(error.problems)


def _step(node: Node | None, step: str | int, line: int) -> tuple[int, Node | None]:
    if isinstance(node, Mapping):
        for key, value in node.pairs:
            if isinstance(key, Scalar) and key.text == step:
                return key.line, value
    if isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
        return node.items[step].line, node.items[step]
    return line, None


def _parse_json(text: str, file: str) -> Iterator[Document]:
    """One or several JSON values. They know the line on which each begins, and no more."""
    problems: list[Problem] = []
    start = _after_space(text, 0)
    while start < len(text):
        line = text.count("\n", 0, start) + 1
        value, end = _decode(text, start, f"{file}:{line}", problems)
        yield Document(value=value, file=file, line=line)
        start = _after_space(text, end)
    if problems:
        raise InvalidInput(f"{file} is not a manifest as it stands", problems=problems)


def _decode(text: str, start: int, where: str, problems: list[Problem]) -> tuple[Any, int]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        problems.extend(
            Problem(where=where, what=f"the key {key!r} is there twice", cure="keep one of them")
            for key, count in Counter(key for key, _ in pairs).items()
            if count > 1
        )
        return dict(pairs)

    def no_constant(name: str) -> NoReturn:
        raise Malformed(where, f"{name} is not a number that JSON has", "quote it, if it is a word")

    decoder = json.JSONDecoder(object_pairs_hook=unique, parse_constant=no_constant)
    try:
        value, end = decoder.raw_decode(text, start)
        # Also finds a half of a surrogate pair, which JSON can write and UTF-8 cannot.
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise Malformed(f"{where.rpartition(':')[0]}:{error.lineno}", f"is not JSON: {error.msg}") from error
    except UnicodeEncodeError as error:
        raise Malformed(where, "has a half of a surrogate pair", "write the whole character") from error
    except RecursionError as error:
        raise _too_deep(where) from error
    if not _is_within(value, MAX_HEIGHT):
        raise _too_deep(where)
    return value, end


def _too_deep(where: str) -> Malformed:
    return Malformed(where, f"is nested more than {MAX_HEIGHT} levels deep", "flatten it")


def _is_within(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels >= 0 and all(_is_within(item, levels - 1) for item in inner)


def _after_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start
