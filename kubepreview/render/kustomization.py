"""What a kustomization names: followed and checked before kustomize runs.

kustomize itself keeps files inside the folder that names them. What it would fetch (bases, files behind
an address), run (plugins, functions, Helm) or read elsewhere on this machine (bases above the checkout)
is found here, with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from kubepreview.core.wire import Object
from kubepreview.errors import Problem
from kubepreview.render.documents import Document, gathering
from kubepreview.render.manifests import Manifest, manifests_of
from kubepreview.render.tree import Tree
from kubepreview.render.yaml_nodes import Malformed

_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# A scheme, go-getter's and scp's spellings, and the hosts that kustomize takes for git without a scheme.
_REMOTE = re.compile(
    r"([a-z][a-z0-9+.-]*://|git::|gh:|(www\.)?github\.com[/:]|[^/\s]+@[^/\s]+:)", re.IGNORECASE
)
_REMOTE_CURE = "copy it into the repository, and name the copy"

_FOLDERS = ("resources", "bases", "components")
_PLUGINS = ("generators", "transformers", "validators")
_HELM = ("helmCharts", "helmChartInflationGenerator")
_FUNCTION = "config.kubernetes.io/function"

# objects: a file of whole objects, or a folder with a kustomization. plugin: a file that configures plugins.
# patch: YAML. data: any file, which is not looked into.
_Use = Literal["objects", "plugin", "patch", "data"]


class _Named(Struct, frozen=True):
    """A path in a kustomization, and where it stands there."""

    path: tuple[str | int, ...]
    text: str
    use: _Use


class Scan(Struct):
    """One walk from a folder through all it names. `manifests` are the objects as the files write them."""

    tree: Tree
    problems: list[Problem]
    manifests: list[Manifest] = field(default_factory=list)
    _seen: set[tuple[Path, _Use]] = field(default_factory=set)

    def folder(self, folder: Path, *, where: str) -> None:
        """Check the kustomization of a folder, and everything behind it. `where` names the folder."""
        if (folder, "objects") in self._seen:
            return
        self._seen.add((folder, "objects"))
        with gathering(self.problems):
            document = self._kustomization(folder, where)
            self._refuse_helm(document)
            for named in _named(document.value):
                with gathering(self.problems):
                    self._follow(named, folder, document)

    def _kustomization(self, folder: Path, where: str) -> Document:
        shown = self.tree.shown(folder)
        if not folder.is_dir():
            raise Malformed(
                where, f"{shown!r} is a file, not a folder with a kustomization", "name its folder"
            )
        found = [name for name in _NAMES if (folder / name).exists()]
        if len(found) != 1:
            what = f"{shown!r} has {' and '.join(found) or 'no kustomization.yaml'}"
            raise Malformed(where, what, "a kustomization has exactly one such file")
        file = self.tree.find(found[0], start=folder, where=where)
        documents = self.tree.documents(file)
        if len(documents) != 1 or not isinstance(documents[0].value, dict):
            raise Malformed(self.tree.shown(file), "is not one mapping", "write one kustomization in it")
        return documents[0]

    def _refuse_helm(self, document: Document) -> None:
        for name in _HELM:
            if document.value.get(name):
                what = f"{name} renders a chart inside of kustomize"
                cure = "render the chart by itself, as a source of its own"
                self.problems.append(Problem(where=document.at(name), what=what, cure=cure))

    def _follow(self, named: _Named, folder: Path, document: Document) -> None:
        where = document.at(*named.path)
        if named.use in ("plugin", "patch") and "\n" in named.text:
            # Written out in place; only configuration of plugins can do harm.
            if named.use == "plugin":
                raise Malformed(where, "configures a plugin in place", "move it to a file of its own")
            return
        if _REMOTE.match(named.text):
            raise Malformed(
                where, f"{named.text!r} is not in the repository: nothing is fetched", _REMOTE_CURE
            )
        path = self.tree.find(named.text, start=folder, where=where)
        if path.is_dir() and named.use == "objects":
            self.folder(path, where=where)
        elif named.use != "data":
            self._file(path, named.use)

    def _file(self, path: Path, use: _Use) -> None:
        if (path, use) in self._seen:
            return
        self._seen.add((path, use))
        for document in self.tree.documents(path):
            if use == "plugin":
                self._check_plugin(document)
            elif use == "objects":
                self.manifests.extend(manifests_of(document, self.problems))

    def _check_plugin(self, document: Document) -> None:
        value = document.value if isinstance(document.value, dict) else {}
        annotations = _mapping(_mapping(value.get("metadata")).get("annotations"))
        is_builtin = value.get("apiVersion") == "builtin" and _FUNCTION not in annotations
        if not is_builtin or "Helm" in str(value.get("kind")):
            what = f"{value.get('kind', 'it')} is a plugin that runs a program"
            raise Malformed(
                document.at(), what, "use kustomize's own fields, or commit what the plugin makes"
            )
        for path, text in _texts(value, ()):
            if _REMOTE.match(text) and path[-1] not in ("value", "patch"):
                what = f"{text!r} is not in the repository: nothing is fetched"
                self.problems.append(Problem(where=document.at(*path), what=what, cure=_REMOTE_CURE))


def _named(value: Object) -> Iterator[_Named]:
    """Every path that a kustomization can name."""
    for key in _FOLDERS:
        yield from _list((key,), value.get(key), "objects")
    for key in _PLUGINS:
        yield from _list((key,), value.get(key), "plugin")
    yield from _list(("patchesStrategicMerge",), value.get("patchesStrategicMerge"), "patch")
    for key in ("crds", "configurations"):
        yield from _list((key,), value.get(key), "data")
    for key in ("patches", "patchesJson6902", "replacements"):
        for path, item in _mappings(value, key):
            yield from _list((*path, "path"), [item.get("path")], "patch")
    for key in ("configMapGenerator", "secretGenerator"):
        for path, item in _mappings(value, key):
            # An entry is `path`, or `key=path`.
            files = [text.partition("=")[2] or text for _, text in _texts(item.get("files"), ())]
            yield from _list((*path, "files"), files, "data")
            yield from _list((*path, "envs"), item.get("envs"), "data")
            yield from _list((*path, "env"), [item.get("env")], "data")
    yield from _list(("openapi", "path"), [_mapping(value.get("openapi")).get("path")], "data")


def _list(path: tuple[str | int, ...], value: Any, use: _Use) -> Iterator[_Named]:
    for index, text in enumerate(value if isinstance(value, list) else ()):
        if isinstance(text, str):
            yield _Named((*path, index), text, use)


def _mappings(value: Object, key: str) -> Iterator[tuple[tuple[str | int, ...], Object]]:
    items = value.get(key)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield (key, index), item


def _mapping(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


def _texts(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every string below a value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
