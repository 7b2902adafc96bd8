"""What a chart folder holds, checked before Helm reads it; and the values that go in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from kubepreview.core.images import Reference
from kubepreview.core.wire import Object
from kubepreview.errors import Problem
from kubepreview.render.documents import Document, gathering
from kubepreview.render.tree import Tree
from kubepreview.render.yaml_nodes import Malformed

_VENDOR_CURE = "run `helm dependency update` and commit the charts/ folder"
# Helm reads every file of a chart into memory; the largest charts in use have a few hundred.
_MAX_FILES = 1000
_PLACEHOLDER = re.compile(r"\{(host|(?:image|repository|digest)\.[^{}]+)\}")


class Placeholders(Struct, frozen=True):
    """What the words in braces stand for."""

    host: str
    images: Mapping[str, Reference]

    def fill(self, text: str, where: str) -> str:
        """The text with each placeholder replaced. Raises InvalidInput for an image nobody named."""
        return _PLACEHOLDER.sub(lambda found: self._value(found[1], where), text)

    def _value(self, word: str, where: str) -> str:
        part, _, name = word.partition(".")
        if part == "host":
            return self.host
        if name not in self.images:
            known = ", ".join(sorted(self.images)) or "none"
            raise Malformed(where, f"{{{word}}} names an image that is not given", f"given are: {known}")
        reference = self.images[name]
        return {"image": str(reference), "repository": reference.name, "digest": reference.digest}[part]


def check(tree: Tree, chart: Path, problems: list[Problem]) -> None:
    """Every file of the chart is in the checkout, and so is every chart it depends on."""
    for entry in _entries(tree, chart, problems):
        if entry.name in ("Chart.yaml", "requirements.yaml"):
            with gathering(problems):
                _check_dependencies(tree, entry, problems)
    values = chart / "values.yaml"
    if values.is_file():
        with gathering(problems):
            _mapping(tree.documents(values), tree.shown(values))


def values_of(tree: Tree, files: tuple[str, ...], problems: list[Problem]) -> list[Object]:
    """What each values file holds, in the order in which they count: later ones win."""
    values = []
    for file in files:
        with gathering(problems):
            values.append(_mapping(tree.documents(tree.find(file)), file))
    return values


def expressions(values: Mapping[str, str], fill: Placeholders, problems: list[Problem]) -> list[str]:
    """``key=value`` for each, in the grammar of ``--set``."""
    result = []
    for key, value in values.items():
        with gathering(problems):
            result.append(f"{key}={fill.fill(value, f'preview.yml: manifests.helm.set.{key}')}")
    return result


def _entries(tree: Tree, folder: Path, problems: list[Problem]) -> Iterator[Path]:
    """All files below; links are followed, as Helm follows them, unless they lead out of the checkout."""
    seen = {folder}
    waiting = [folder]
    count = 0
    while waiting:
        for entry in sorted(waiting.pop().iterdir()):
            count += 1
            if count > _MAX_FILES:
                what = f"holds more than {_MAX_FILES} files"
                raise Malformed(tree.shown(folder), what, "keep the chart in a folder of its own")
            with gathering(problems):
                target = tree.find(str(entry), where=tree.shown(entry))
                if target.is_dir() and target not in seen:
                    seen.add(target)
                    waiting.append(target)
                elif target.is_file():
                    yield entry


def _check_dependencies(tree: Tree, file: Path, problems: list[Problem]) -> None:
    documents = tree.documents(file)
    value = _mapping(documents, tree.shown(file))
    dependencies = value.get("dependencies")
    for index, dependency in enumerate(dependencies if isinstance(dependencies, list) else ()):
        name = dependency.get("name") if isinstance(dependency, dict) else None
        if isinstance(name, str) and not _is_vendored(file.parent / "charts", name):
            repository = dependency.get("repository") or "charts/"
            what = f"the chart {name!r} of {repository} is not in the repository: nothing is fetched"
            where = documents[0].at("dependencies", index)
            problems.append(Problem(where=where, what=what, cure=_VENDOR_CURE))


def _is_vendored(charts: Path, name: str) -> bool:
    if "/" in name or name.startswith("."):
        return False
    archive = re.compile(re.escape(name) + r"-v?[0-9].*\.tgz")
    return (charts / name / "Chart.yaml").is_file() or (
        charts.is_dir() and any(archive.fullmatch(entry.name) for entry in charts.iterdir())
    )


def _mapping(documents: list[Document], file: str) -> Object:
    if not documents:
        return {}
    if len(documents) > 1 or not isinstance(documents[0].value, dict):
        raise Malformed(file, "is not one mapping", "write one document of keys and values")
    value: Object = documents[0].value
    return value
