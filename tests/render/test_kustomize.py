"""Kustomizations: checked before kustomize runs, then rendered by the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubepreview.errors import Problem
from kubepreview.render import kustomize
from kubepreview.render.documents import gathering
from kubepreview.render.manifests import Manifest
from kubepreview.render.tree import Tree

from .manifests import WEB, write


async def _load(root: Path, path: str = "k8s") -> tuple[list[Manifest], list[Problem]]:
    problems: list[Problem] = []
    found: list[Manifest] = []
    with gathering(problems):
        found = await kustomize.load(Tree.at(root), path, problems)
    return found, problems


async def test_an_overlay_is_rendered_and_its_objects_keep_their_places(tmp_path: Path) -> None:
    """Base, component, patch, generator and prefix; and the file that each object comes from."""
    write(
        tmp_path,
        {
            "k8s/kustomization.yaml": "resources: [../base]\ncomponents: [../part]\nnamePrefix: dev-\n"
            "patches: [{path: patch.yaml}]\n"
            "configMapGenerator: [{name: made, files: [renamed.txt=data.txt], envs: [a.env]}]\n",
            "k8s/patch.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
            "spec: {type: NodePort}\n",
            "k8s/data.txt": "x",
            "k8s/a.env": "A=1\n",
            "base/kustomization.yml": "resources:\n- web.yaml\n",
            "base/web.yaml": WEB,
            "part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
            "labels: [{pairs: {part: of}}]\n",
        },
    )
    found, problems = await _load(tmp_path)

    assert problems == []
    places = {one.object["kind"]: (one.object["metadata"]["name"], one.where) for one in found}
    assert places["Deployment"] == ("dev-web", "base/web.yaml:1")
    assert places["Service"] == ("dev-web", "base/web.yaml:14")
    name, where = places["ConfigMap"]
    assert name.startswith("dev-made-")
    assert where == "k8s (line 1 as rendered)"
    service = next(one.object for one in found if one.object["kind"] == "Service")
    assert service["spec"]["type"] == "NodePort"
    assert service["metadata"]["labels"] == {"part": "of"}


_REMOTE = (
    "https://github.com/acme/base",
    "http://example.com/base.yaml",
    "github.com/acme/base?ref=v1",
    "GitHub.com:acme/base",
    "git::https://example.com/base.git",
    "git@github.com:acme/base.git",
    "ssh://git@example.com/base",
    "file:///etc",
    "oci://ghcr.io/acme/base",
)


@pytest.mark.parametrize("remote", _REMOTE)
async def test_what_would_be_fetched_is_refused_with_its_line(tmp_path: Path, remote: str) -> None:
    """Every spelling of a remote base, wherever a kustomization can name one; kustomize is not run."""
    text = f"resources:\n  - {remote}\nbases:\n  - {remote}\ncomponents:\n  - {remote}\ncrds:\n  - {remote}\n"
    text += (
        f"configurations:\n  - {remote}\npatches:\n  - path: {remote}\npatchesStrategicMerge:\n  - {remote}\n"
    )
    text += f"replacements:\n  - path: {remote}\nopenapi:\n  path: {remote}\ntransformers:\n  - {remote}\n"
    text += f"configMapGenerator:\n  - name: a\n    files: ['k={remote}']\n    envs: [{remote}]\n"
    write(tmp_path, {"k8s/kustomization.yaml": text})
    _, problems = await _load(tmp_path)

    lines = sorted(int(problem.where.rpartition(":")[2]) for problem in problems)
    assert lines == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 23, 24]
    assert all("is not in the repository: nothing is fetched" in problem.what for problem in problems)
    assert all(problem.where.startswith("k8s/kustomization.yaml:") for problem in problems)


@pytest.mark.parametrize(
    ("files", "where", "words"),
    [
        (
            {"kustomization.yaml": "resources: [../../other]"},
            "k8s/kustomization.yaml:1",
            "outside of the repos",
        ),
        ({"kustomization.yaml": "resources:\n- /etc/passwd\n"}, "k8s/kustomization.yaml:2", "outside of the"),
        ({"kustomization.yaml": "resources:\n- gone.yaml\n"}, "k8s/kustomization.yaml:2", "is not there"),
        (
            {"kustomization.yaml": "resources: [sub]", "sub/a.txt": ""},
            "k8s/kustomization.yaml:1",
            "has no kust",
        ),
        ({"kustomization.yaml": "", "Kustomization": ""}, "k8s", "has kustomization.yaml and Kustomization"),
        ({"a.yaml": ""}, "k8s", "has no kustomization.yaml"),
        (
            {"kustomization.yaml": "resources: []\nresources: []\n"},
            "k8s/kustomization.yaml:2",
            "is there twice",
        ),
        ({"kustomization.yaml": "- a\n"}, "k8s/kustomization.yaml", "is not one mapping"),
        (
            {"kustomization.yaml": "helmCharts:\n- name: x\n  repo: https://x\n"},
            "k8s/kustomization.yaml:1",
            "chart",
        ),
        (
            {"kustomization.yaml": "resources: [a.yaml]", "a.yaml": "a: 1\na: 2"},
            "k8s/a.yaml:2",
            "is there twice",
        ),
        (
            {"kustomization.yaml": "resources: [a.yaml]", "a.yaml": WEB.replace("\nspec:", "\nsepc:", 1)},
            "k8s/a.yaml:5",
            "Deployment has no field 'sepc'",
        ),
        (
            {"kustomization.yaml": "patches: [{path: p.yaml}]", "p.yaml": "a: &a [*a]"},
            "k8s/p.yaml:1",
            "contains itself",
        ),
        (
            {
                "kustomization.yaml": "generators: [g.yaml]",
                "g.yaml": "apiVersion: acme/v1\nkind: Gen\nmetadata:\n  name: x\n  annotations:\n"
                "    config.kubernetes.io/function: |\n      exec: {path: ./evil}\n",
            },
            "k8s/g.yaml:1",
            "Gen is a plugin that runs a program",
        ),
        (
            {
                "kustomization.yaml": "generators: [g.yaml]",
                "g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\n",
            },
            "k8s/g.yaml:1",
            "is a plugin that runs a program",
        ),
        (
            {
                "kustomization.yaml": "transformers: [t.yaml]",
                "t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: http://x/p\n",
            },
            "k8s/t.yaml:4",
            "nothing is fetched",
        ),
        (
            {
                "kustomization.yaml": "resources: [t.yaml]\ntransformers: [t.yaml]\n",
                "t.yaml": "apiVersion: acme/v1\nkind: Exec\nmetadata: {name: x}\n",
            },
            "k8s/t.yaml:1",
            "Exec is a plugin that runs a program",
        ),
        (
            {"kustomization.yaml": "generators: [sub]\n", "sub/kustomization.yaml": ""},
            "k8s/sub",
            "is a folder, not a file",
        ),
        (
            {"kustomization.yaml": "transformers:\n- |-\n  apiVersion: builtin\n  kind: X\n"},
            "k8s/kustomization.yaml:2",
            "configures a plugin in place",
        ),
        (
            {"kustomization.yaml": "resorces: []\n"},
            "k8s",
            "kustomize: invalid Kustomization: json: unknown field",
        ),
    ],
)
async def test_what_is_not_allowed_is_told_with_its_place(
    tmp_path: Path, files: dict[str, str], where: str, words: str
) -> None:
    """Outside, missing, running programs, or not YAML: one problem, and nothing rendered."""
    root = write(tmp_path / "repository", {f"k8s/{name}": text for name, text in files.items()})
    write(tmp_path, {"other/kustomization.yaml": ""})
    found, problems = await _load(root)

    assert found == []
    assert [problem.where for problem in problems] == [where]
    assert words in problems[0].what


async def test_folders_that_name_each_other_end(tmp_path: Path) -> None:
    """The walk sees each folder once; kustomize tells of the cycle."""
    write(
        tmp_path,
        {"k8s/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../k8s]"},
    )
    _, (problem,) = await _load(tmp_path)

    assert "cycle" in problem.what
    assert str(tmp_path) not in problem.what


async def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """The path that preview.yml names has a typing error."""
    _, (problem,) = await _load(tmp_path, "k8s/overlay")

    assert problem.what == "'k8s/overlay' is not there"
