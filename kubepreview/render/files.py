"""Plain files and folders → manifests."""

from __future__ import annotations

from pathlib import Path

from kubepreview.errors import Problem
from kubepreview.render.documents import gathering
from kubepreview.render.manifests import Manifest, manifests_of
from kubepreview.render.tree import Tree
from kubepreview.render.yaml_nodes import Malformed

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
# Far more than the objects of a preview may fill; a folder of data is noticed before all of it is read.
_MAX_FILES = 500


def load(tree: Tree, paths: tuple[str, ...], problems: list[Problem]) -> list[Manifest]:
    """The manifests of all files, in the order of `paths`; within a folder, by name."""
    manifests: list[Manifest] = []
    files: list[Path] = []
    for path in paths:
        with gathering(problems):
            files.extend(_files(tree, path, problems))
    if len(files) > _MAX_FILES:
        where = ", ".join(paths)
        raise Malformed(where, f"holds {len(files)} files, more than {_MAX_FILES}", "name the files")
    # A file named twice, alone and by its folder, counts once.
    for file in dict.fromkeys(files):
        with gathering(problems):
            for document in tree.documents(file):
                manifests.extend(manifests_of(document, problems))
    return manifests


def _files(tree: Tree, written: str, problems: list[Problem]) -> list[Path]:
    path = tree.find(written)
    if path.is_file():
        return [path]
    names = sorted(entry.name for entry in path.iterdir() if entry.suffix in _SUFFIXES)
    if not names:
        folders = sorted({file.parent for file in path.rglob("*") if file.suffix in _SUFFIXES})
        below = ", ".join(tree.shown(folder) for folder in folders[:5])
        cure = f"folders below are not read; name them: {below}" if below else "name a folder that has some"
        raise Malformed(written, "has no YAML or JSON files", cure)
    found = []
    for name in names:
        with gathering(problems):
            found.append(tree.find(name, start=path, where=tree.shown(path / name)))
    return [file for file in found if file.is_file()]
