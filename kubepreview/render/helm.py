"""A Helm chart → manifests, as ``helm template`` would for a first installation."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from kubepreview.errors import InvalidInput, Problem
from kubepreview.render import chart, programs
from kubepreview.render.chart import Placeholders
from kubepreview.render.documents import gathering, parse
from kubepreview.render.manifests import Change, Manifest, manifests_of
from kubepreview.render.sources import Helm
from kubepreview.render.tree import Tree

_HOOK = "helm.sh/hook"
# A release's life in a preview is one installation, rendered again for each commit.
_HOOKS_TO_KEEP = frozenset({"pre-install", "post-install", "pre-upgrade", "post-upgrade"})
# ``template: shop/templates/web.yaml:12:3: executing …``, and the same without the column.
_PLACE = re.compile(r"\b[\w.-]+/((?:charts/[\w.-]+/)*templates/[^\s:()]+):(\d+)")
_RANDOM_CURE = "set the value that it makes up, in a values file or in `set`"


async def load(
    tree: Tree, source: Helm, *, fill: Placeholders, namespace: str, problems: list[Problem]
) -> Change:
    """The objects of a chart, without those of hooks that have no place in a preview."""
    if importlib.util.find_spec("helm_python") is None:
        raise InvalidInput(
            f"render the chart {source.chart}: Helm is not installed", hint="pip install 'kubepreview[helm]'"
        )
    folder = tree.find(source.chart)
    if not (folder / "Chart.yaml").is_file():
        what, cure = "has no Chart.yaml", "name the folder of a chart"
        problems.append(Problem(where=source.chart, what=what, cure=cure))
        return Change(())
    chart.check(tree, folder, problems)
    request = {
        "chart": str(folder),
        "release": source.release,
        "namespace": namespace,
        "values": chart.values_of(tree, source.values, problems),
        "set": chart.expressions(source.set, fill, problems),
    }
    if problems:
        return Change(())
    return _read(await _ask(request, source.chart), folder, tree, problems)


def _read(answer: dict[str, Any], folder: Path, tree: Tree, problems: list[Problem]) -> Change:
    shown = tree.shown(folder)
    if "error" in answer:
        said = " ".join(answer["error"].replace(f"{tree.root}/", "").split())
        place = _PLACE.search(said)
        where = f"{PurePosixPath(shown, place[1])}:{place[2]}" if place else shown
        problems.append(Problem(where=where, what=f"helm: {said}"))
        return Change(())
    for path in answer["random"]:
        what = "is not the same when rendered again (random values, or the time)"
        problems.append(Problem(where=_file(path, shown), what=what, cure=_RANDOM_CURE))
    found = list(_manifests(answer["manifests"], shown, problems))
    crds = ", ".join(answer["crds"])
    notes = [f"CustomResourceDefinitions of the chart are left out: {crds}"] if crds else []
    return _without_hooks(found, notes)


async def _ask(request: dict[str, Any], shown: str) -> dict[str, Any]:
    what = f"helm template {shown}"
    # With our module path: without our environment it would not find what is installed for one user only.
    start = (
        f"import sys; sys.path = {sys.path!r}; from kubepreview.render import helm_worker; helm_worker.main()"
    )
    worker = [sys.executable, "-I", "-c", start]
    result = await programs.run(worker, what=what, stdin=json.dumps(request).encode())
    if result.code != 0:
        raise InvalidInput(
            f"{what}: Helm ended with code {result.code}: {result.reason}",
            hint="a chart may use 2 GiB of memory; look for a template that repeats without end",
        )
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def _manifests(rendered: dict[str, str], shown: str, problems: list[Problem]) -> Iterator[Manifest]:
    for path in sorted(rendered):
        if PurePosixPath(path).name == "NOTES.txt":
            continue
        with gathering(problems):
            for document in parse(rendered[path].encode(), _file(path, shown), is_rendered=True):
                yield from manifests_of(document, problems)


def _file(path: str, shown: str) -> str:
    """Helm begins paths with the chart's name; a person finds the file below the chart's folder."""
    return PurePosixPath(shown, path.partition("/")[2]).as_posix()


def _without_hooks(manifests: list[Manifest], notes: list[str]) -> Change:
    kept = []
    for manifest in manifests:
        annotations = manifest.object["metadata"].get("annotations") or {}
        hooks = {hook.strip() for hook in annotations.get(_HOOK, "").split(",")} - {""}
        if not hooks or hooks & _HOOKS_TO_KEEP:
            kept.append(manifest)
        names = ", ".join(sorted(hooks))
        if hooks & _HOOKS_TO_KEEP:
            notes.append(f"{manifest.title}: a Helm hook ({names}); it is applied with all other objects")
        elif hooks:
            notes.append(f"{manifest.title}: a Helm hook ({names}); it is left out")
    return Change(tuple(kept), tuple(notes))
