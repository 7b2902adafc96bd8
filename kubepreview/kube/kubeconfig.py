"""Kubeconfig files: read, merged as kubectl merges them, and every complaint with file and field.

A `Section` is one mapping inside one file; it knows where it stands, so that a wrong value is told as
``/home/me/.kube/config: users[ci].user.exec.command``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from kubepreview.errors import InvalidInput, Problem


def complaint(file: Path | str, field: str, what: str, cure: str = "") -> InvalidInput:
    """The InvalidInput for one field of one file."""
    problem = Problem(where=f"{file}: {field}" if field else str(file), what=what, cure=cure)
    return InvalidInput(f"kubeconfig {problem}", problems=[problem])


class Section(Struct, frozen=True):
    """One mapping in a kubeconfig, and its place."""

    file: Path
    field: str
    values: Mapping[str, Any]

    def place(self, key: str) -> str:
        """The field as a person would write it."""
        return f"{self.field}.{key}" if self.field else key

    def wrong(self, key: str, what: str, cure: str = "") -> InvalidInput:
        """The complaint about one value of this section."""
        return complaint(self.file, self.place(key), what, cure)

    def text(self, key: str) -> str:
        """A string, empty when absent."""
        value = self.values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(key, f"must be a string, not {type(value).__name__}")
        return value

    def required(self, key: str) -> str:
        """A string that has to be there."""
        if not (value := self.text(key)):
            raise self.wrong(key, "is required")
        return value

    def flag(self, key: str) -> bool:
        """A boolean, False when absent."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, f"must be true or false, not {value!r}")
        return value

    def section(self, key: str) -> Section:
        """A mapping, empty when absent."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(key, f"must be a mapping, not {type(value).__name__}")
        return Section(self.file, self.place(key), value or {})

    def sections(self, key: str) -> Sequence[Section]:
        """A list of mappings, each placed by its name or number."""
        value = self.values.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, "must be a list of mappings")
        return [
            Section(self.file, f"{self.place(key)}[{item.get('name', number)}]", item)
            for number, item in enumerate(value)
        ]

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, empty when absent."""
        value = self.values.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "must be a list of strings")
        return tuple(value)

    def path(self, key: str) -> Path | None:
        """A file name, relative to the kubeconfig it stands in."""
        return self.file.parent / name if (name := self.text(key)) else None

    def pem(self, key: str) -> bytes:
        """The bytes of `<key>-data`, or of the file that `<key>` names; data wins, as for kubectl."""
        if encoded := self.text(f"{key}-data"):
            try:
                return base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                raise self.wrong(f"{key}-data", f"is not base64: {error}") from error
        if path := self.path(key):
            try:
                return path.read_bytes()
            except OSError as error:
                raise self.wrong(key, f"cannot read {path}: {error.strerror}") from error
        return b""


class Kubeconfig(Struct, frozen=True):
    """Several files as one; the first file that names an entry wins."""

    files: tuple[Section, ...]

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Kubeconfig:
        """Read all; of several, those that do not exist are left out, as kubectl does."""
        present = [path for path in paths if path.is_file()] if len(paths) > 1 else list(paths)
        if not present:
            raise complaint(", ".join(map(str, paths)), "", "none of these files exists")
        return cls(tuple(_read(path) for path in present))

    def entry(self, plural: str, name: str, named_by: str) -> Section:
        """The entry `name` among ``clusters``, ``users`` or ``contexts``; `named_by` says who asked."""
        for file in self.files:
            for entry in file.sections(plural):
                if entry.text("name") == name:
                    return entry.section(plural.removesuffix("s"))
        known = [entry.text("name") for file in self.files for entry in file.sections(plural)]
        places = ", ".join(str(file.file) for file in self.files)
        cure = f"there is {', '.join(known)}" if known else "there is none"
        raise complaint(places, plural, f"no entry is named {name!r}, which {named_by} asks for", cure)

    def current_context(self) -> str:
        """The first `current-context` that is set."""
        for file in self.files:
            if name := file.text("current-context"):
                return name
        raise complaint(
            ", ".join(str(file.file) for file in self.files),
            "current-context",
            "is not set",
            "choose one with --context, or with `kubectl config use-context`",
        )


def _read(path: Path) -> Section:
    try:
        loaded = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    except OSError as error:
        raise complaint(path, "", f"cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise complaint(path, "", f"is not YAML: {error}") from error
    if loaded is not None and not isinstance(loaded, dict):
        raise complaint(path, "", f"must be a mapping, not {type(loaded).__name__}")
    return Section(path, "", loaded or {})
