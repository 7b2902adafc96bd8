"""Plain files and folders: which are read, what an object must be, and that nothing outside is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubepreview.errors import Problem
from kubepreview.render import files
from kubepreview.render.documents import gathering
from kubepreview.render.manifests import duplicates
from kubepreview.render.tree import Tree

from .manifests import write


def _load(root: Path, *paths: str) -> tuple[list[str], list[Problem]]:
    problems: list[Problem] = []
    found: list[str] = []
    with gathering(problems):
        found = [f"{one.title} {one.where}" for one in files.load(Tree.at(root), paths, problems)]
    return found, problems


def _config(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n"


def test_a_folder_gives_its_own_files_by_name(tmp_path: Path) -> None:
    """YAML and JSON, sorted; other files and folders below are not read; a file named twice counts once."""
    write(
        tmp_path,
        {
            "k8s/b.yml": _config("b"),
            "k8s/a.yaml": _config("a") + "---\n" + _config("a2"),
            "k8s/c.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
            "k8s/notes.txt": "no: [yaml",
            "k8s/deep/d.yaml": _config("d"),
        },
    )

    assert _load(tmp_path, "k8s", "./k8s/a.yaml") == (
        [
            "ConfigMap/a k8s/a.yaml:1",
            "ConfigMap/a2 k8s/a.yaml:6",
            "ConfigMap/b k8s/b.yml:1",
            "ConfigMap/c k8s/c.json:1",
        ],
        [],
    )


def test_a_list_stands_for_its_items(tmp_path: Path) -> None:
    """Also a list in a list; each item has its own line."""
    item = "- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: %s}\n"
    inner = "- kind: ConfigMapList\n  apiVersion: v1\n  items:\n  " + item.replace("\n ", "\n   ") % "b"
    write(tmp_path, {"a.yaml": "apiVersion: v1\nkind: List\nitems:\n" + item % "a" + inner})

    assert _load(tmp_path, "a.yaml") == (["ConfigMap/a a.yaml:4", "ConfigMap/b a.yaml:10"], [])


def test_a_folder_without_manifests_names_those_that_have_some(tmp_path: Path) -> None:
    """Folders below are not read, which the author of two overlays is glad of, and is told."""
    write(tmp_path, {"k8s/web/a.yaml": _config("a"), "k8s/db/b.yaml": _config("b")})
    _, (problem,) = _load(tmp_path, "k8s")

    assert problem.what == "has no YAML or JSON files"
    assert problem.cure.endswith("k8s/db, k8s/web")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../outside.yaml", "outside of the repository"),
        ("/etc/passwd", "outside of the repository"),
        ("k8s/../../outside.yaml", "outside of the repository"),
        ("link.yaml", "a link that leads out of the repository"),
        ("folder-link", "a link that leads out of the repository"),
        ("gone.yaml", "is not there"),
        ("loop.yaml", "is not there"),
        ("pipe.yaml", "neither a regular file nor a folder"),
        ("in/pipe", "neither a regular file nor a folder"),
        ("a\0b", "is no path"),
    ],
)
def test_only_regular_files_of_the_checkout_are_read(tmp_path: Path, path: str, words: str) -> None:
    """Nothing outside, no pipe that would never end, no link that leads there."""
    (tmp_path / "outside.yaml").write_text(_config("outside"))
    root = write(tmp_path / "repository", {"k8s/a.yaml": _config("a"), "in/b.txt": ""})
    (root / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (root / "folder-link").symlink_to(tmp_path)
    (root / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(root / "pipe.yaml")
    (root / "in/pipe").symlink_to("../pipe.yaml")
    found, (problem,) = _load(root, path)

    assert found == []
    assert words in problem.what


def test_a_link_inside_the_checkout_is_followed(tmp_path: Path) -> None:
    """Where the file is counts, not how it is reached."""
    write(tmp_path, {"base/a.yaml": _config("a")})
    (tmp_path / "k8s").symlink_to("base")

    assert _load(tmp_path, "k8s") == (["ConfigMap/a base/a.yaml:1"], [])


def test_a_link_out_of_a_folder_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    """One bad file does not hide the next."""
    root = write(tmp_path / "repository", {"k8s/a.yaml": _config("a"), "k8s/c.yaml": "a: 1\na: 2\n"})
    (root / "k8s/b.yaml").symlink_to("/etc/hostname")
    found, problems = _load(root, "k8s")

    assert found == ["ConfigMap/a k8s/a.yaml:1"]
    assert [problem.where for problem in problems] == ["k8s/b.yaml", "k8s/c.yaml:2"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("just text\n", 1, "is a string, not a Kubernetes object"),
        ("- a\n- b\n", 1, "is a list, not a Kubernetes object"),
        ("kind: ConfigMap\nmetadata: {name: x}\n", 1, "has no apiVersion"),
        ("apiVersion: v1\nmetadata: {name: x}\n", 1, "has no kind"),
        ("apiVersion: 1\nkind: A\nmetadata: {name: x}\n", 1, "has no apiVersion"),
        ("apiVersion: v1\nkind: ConfigMap\n", 1, "ConfigMap has no metadata"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {}\n", 3, "name of ConfigMap is missing"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yes\n", 4, "is true, not a string"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: 17\n", 4, "is 17, not a string"),
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  generateName: x-\n", 4, "has generateName"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  namespace: 7\n",
            5,
            "metadata.namespace of Pod is 7",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  labels:\n    a: 1\n",
            6,
            "labels: a of Pod is 1",
        ),
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  labels: [a]\n", 5, "labels: all of Pod is list"),
        ("apiVersion: v1\nkind: Service\nmetadata:\n  name: x\nsepc: {}\n", 5, "Service has no field 'sepc'"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nspec: {}\n",
            4,
            "ConfigMap has no field 'spec'",
        ),
        (
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n",
            1,
            "is a kustomization, not an object",
        ),
    ],
)
def test_what_is_no_object_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    """What it is, where, and what to write instead."""
    write(tmp_path, {"a.yaml": text})
    found, (problem,) = _load(tmp_path, "a.yaml")

    assert found == []
    assert problem.where == f"a.yaml:{line}"
    assert words in problem.what
    assert problem.cure


def test_a_misspelt_field_is_told_with_the_right_one(tmp_path: Path) -> None:
    """`sepc` is what it looks like."""
    write(tmp_path, {"a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nsepc: {}\n"})
    _, (problem,) = _load(tmp_path, "a.yaml")

    assert problem.cure == "did you mean 'spec'?"


def test_an_object_of_an_unknown_kind_may_have_any_field(tmp_path: Path) -> None:
    """Custom resources have fields of their own."""
    write(tmp_path, {"a.yaml": "apiVersion: dapr.io/v1\nkind: Component\nmetadata: {name: x}\nscopes: []\n"})

    assert _load(tmp_path, "a.yaml") == (["Component/x a.yaml:1"], [])


def test_the_same_object_twice_is_told_with_both_places(tmp_path: Path) -> None:
    """By group, kind and name: another version of the API does not make it another object."""
    text = "apiVersion: %s\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\n"
    write(tmp_path, {"a.yaml": text % "autoscaling/v1", "b.yaml": text % "autoscaling/v2"})
    (problem,) = duplicates(files.load(Tree.at(tmp_path), ("a.yaml", "b.yaml"), []))

    assert problem.where == "b.yaml:1"
    assert "first in a.yaml:1" in problem.what


def test_there_is_a_bound_for_all_files_together(tmp_path: Path) -> None:
    """Five files of a megabyte are read, and no sixth."""
    write(tmp_path, {f"data/{number}.yaml": f"# {'x' * 1_000_000}\n" for number in range(7)})
    _, problems = _load(tmp_path, "data")

    assert [problem.where for problem in problems] == ["data/5.yaml", "data/6.yaml"]
    assert problems[0].what == "is more than is read in all, 5120 KiB with the files before it"


def test_a_folder_of_countless_files_is_not_read(tmp_path: Path) -> None:
    """A folder of data, named by mistake, is told by its count."""
    write(tmp_path, {f"data/{number}.json": "" for number in range(501)})
    _, (problem,) = _load(tmp_path, "data")

    assert problem.what == "holds 501 files, more than 500"
