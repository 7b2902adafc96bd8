"""Finding and reading `preview.yml`: the file in, the checked Config out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kubepreview.cli.caller import Caller
from kubepreview.core import config
from kubepreview.core.config import Config
from kubepreview.errors import InvalidInput, Problem

# Far above what anybody writes, and small enough that no file can hurt.
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository on disk, and what it says of its previews. All paths of the Config start at `root`."""

    root: Path
    config: Config


def repository_root(start: Path) -> Path:
    """The nearest folder upwards that is a git repository or holds a preview.yml; else `start` itself."""
    for folder in (start, *start.parents):
        if (folder / ".git").exists() or find(folder):
            return folder
    return start


def find(root: Path) -> Path | None:
    """The repository's preview.yml, if there is one."""
    return next((root / name for name in config.FILE_NAMES if (root / name).is_file()), None)


def read(caller: Caller, file: Path | None = None, root: Path | None = None) -> Repository:
    """Read the configuration, from `file` or from where repositories keep it."""
    folder = (caller.directory / root if root else repository_root(caller.directory)).resolve()
    found = caller.directory / file if file else find(folder)
    if found is None:
        raise InvalidInput(
            f"{folder} has no {config.FILE_NAMES[0]}",
            hint="`kubepreview init` writes one; or name yours with --config",
        )
    name = str(found.relative_to(folder)) if found.is_relative_to(folder) else str(found)
    return Repository(root=folder, config=parse(_text(found), name))


def read_if_any(caller: Caller, file: Path | None = None) -> Config | None:
    """The Config, or None where the directory belongs to no repository that has one."""
    if file is None and find(repository_root(caller.directory)) is None:
        return None
    return read(caller, file).config


def parse(text: str, name: str) -> Config:
    """The Config in a text; InvalidInput tells every problem with its line."""
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        what = str(getattr(error, "problem", None) or error)
        raise InvalidInput(f"{where}: not YAML: {what}") from error
    marks: dict[config.Path, int] = {}
    problems: list[Problem] = []
    document = _Reader(name, marks, problems).value(node, ())
    if problems:
        raise InvalidInput(f"{name} cannot be read", problems=problems)
    return config.parse(document, marks, name)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise InvalidInput(f"{file}: more than {_MAX_BYTES // 1024} KiB")
        return raw.decode()
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file}: not UTF-8: {error.reason} at byte {error.start}") from error


class _Reader:
    """Plain data of YAML nodes, noting the line of each value; duplicate keys and aliases are problems."""

    def __init__(self, name: str, marks: dict[config.Path, int], problems: list[Problem]) -> None:
        self._name = name
        self._marks = marks
        self._problems = problems
        self._seen: set[int] = set()
        self._scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node | None, path: config.Path) -> Any:
        if node is None:
            return None
        self._marks.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._seen:
            self._complain(node, "an alias", "write the value out; this file takes no aliases")
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: config.Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in result:
                self._complain(key_node, f"the key {key!r} is there twice", "keep one")
            self._marks[*path, key] = key_node.start_mark.line + 1
            result[key] = self.value(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            return node.value
        # A date is text here; JSON has none, and the schema knows JSON only.
        return value if value is None or isinstance(value, str | int | float | bool) else node.value

    def _complain(self, node: yaml.Node, what: str, cure: str) -> None:
        line = node.start_mark.line + 1
        self._problems.append(Problem(where=f"{self._name}:{line}", what=what, cure=cure))
