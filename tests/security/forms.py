"""Hostile objects as an author writes them: plain files, a List, a kustomization, a Helm chart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from kubepreview.core.wire import Object
from kubepreview.render.sources import Files, Helm, Kustomize, Source
from tests.security.hostile import Hostile

# What people visit: without one there is nothing to render a preview of.
ENTRY: Final = "front"
_FRONT: Final[Object] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": ENTRY},
    "spec": {"selector": {"app": ENTRY}, "ports": [{"port": 80}]},
}
_CHART: Final = {"apiVersion": "v2", "name": "hostile", "version": "1.0.0"}


def named(corpus: Sequence[Hostile]) -> Mapping[str, Hostile]:
    """The same objects, each by a name that no other has, so that a message can be traced.

    One whose name is what is wrong with it keeps its own.
    """
    return {
        name: Hostile(
            attack=each.attack,
            field=each.field,
            object={**each.object, "metadata": {**each.object["metadata"], "name": name}},
        )
        for name, each in (
            (each.object["metadata"]["name"] if each.field == "metadata.name" else f"x-{number:04}", each)
            for number, each in enumerate(corpus)
        )
    }


def _files(root: Path, objects: Sequence[Object]) -> Source:
    return Files(tuple(_written(root, objects)))


def _list(root: Path, objects: Sequence[Object]) -> Source:
    _write(root / "list.yaml", {"apiVersion": "v1", "kind": "List", "items": list(objects)})
    return Files(("list.yaml",))


def _kustomization(root: Path, objects: Sequence[Object]) -> Source:
    _write(root / "kustomization.yaml", {"resources": list(_written(root, objects))})
    return Kustomize(".")


def _chart(root: Path, objects: Sequence[Object]) -> Source:
    (root / "templates").mkdir()
    _write(root / "Chart.yaml", _CHART)
    list(_written(root / "templates", objects))
    return Helm(".", "demo")


def _written(folder: Path, objects: Sequence[Object]) -> Iterator[str]:
    """Each to a file of its own, whose name is yielded."""
    for obj in objects:
        file = f"{obj['metadata']['name']}.yaml"
        _write(folder / file, obj)
        yield file


def _write(path: Path, value: Any) -> None:
    path.write_text(yaml.safe_dump(value))


FORMS: Final[Mapping[str, Callable[[Path, Sequence[Object]], Source]]] = {
    "plain files": _files,
    "a List": _list,
    "kustomize": _kustomization,
    "a Helm chart": _chart,
}


def lay_out(form: str, root: Path, objects: Sequence[Object]) -> Source:
    """Write the objects, and what people visit, below `root` in this form."""
    root.mkdir()
    return FORMS[form](root, [*objects, _FRONT])
