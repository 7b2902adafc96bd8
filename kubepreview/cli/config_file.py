"""Finding and reading `preview.yml`: the file in, the checked Config out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct

from kubepreview.cli.caller import Caller
from kubepreview.core import config
from kubepreview.core.config import Config
from kubepreview.errors import InvalidInput, Problem
from kubepreview.render import scalars, yaml_nodes

# Far above what anybody writes, and small enough that no file can hurt.
_MAX_BYTES = 64 * 1024


class Repository(Struct, frozen=True, kw_only=True):
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
    documents = yaml_nodes.compose(text, name)
    if len(documents) > 1:
        raise InvalidInput(f"{name}:{documents[1].line}: a second document; the file holds one")
    reader = _Reader(name)
    document = reader.value(documents[0], ()) if documents else None
    if reader.problems:
        raise InvalidInput(f"{name} cannot be read", problems=reader.problems)
    return config.parse(document, reader.marks, name)


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
    """Plain data of YAML nodes; notes the line of each value, and each key that is there twice."""

    def __init__(self, name: str) -> None:
        self.marks: dict[config.Path, int] = {}
        self.problems: list[Problem] = []
        self._name = name

    def value(self, node: yaml_nodes.Node, path: config.Path) -> Any:
        self.marks.setdefault(path, node.line)
        match node:
            case yaml_nodes.Mapping():
                return self._mapping(node, path)
            case yaml_nodes.Sequence():
                return [self.value(item, (*path, index)) for index, item in enumerate(node.items)]
            case yaml_nodes.Scalar(is_plain=True):
                return scalars.resolve(node.text)
            case yaml_nodes.Scalar():
                return node.text
        raise AssertionError(f"not a node: {node!r}")

    def _mapping(self, node: yaml_nodes.Mapping, path: config.Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.pairs:
            key = key_node.text if isinstance(key_node, yaml_nodes.Scalar) else ""
            if key in result:
                where = f"{self._name}:{key_node.line}"
                self.problems.append(
                    Problem(where=where, what=f"the key {key!r} is there twice", cure="keep one")
                )
            self.marks[*path, key] = key_node.line
            result[key] = self.value(value_node, (*path, key))
        return result
