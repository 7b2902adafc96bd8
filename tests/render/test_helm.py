"""Charts: checked before Helm reads them, then rendered by the real one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kubepreview.core.images import Reference
from kubepreview.errors import InvalidInput, Problem
from kubepreview.render import helm
from kubepreview.render.chart import Placeholders
from kubepreview.render.documents import gathering
from kubepreview.render.manifests import Change
from kubepreview.render.sources import Helm
from kubepreview.render.tree import Tree

from .manifests import write

_DIGEST = "sha256:" + "0" * 64
_CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"


def _config(name: str = "x", data: str = "{}", hook: str = "") -> str:
    annotations = f"  annotations: {{helm.sh/hook: '{hook}'}}\n" if hook else ""
    body = "data: {}\n" if data == "{}" else f"data:\n  {data}\n"
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{annotations}{body}"


async def _load(
    root: Path, values: tuple[str, ...] = (), sets: Mapping[str, str] | None = None
) -> tuple[Change, list[Problem]]:
    problems: list[Problem] = []
    change = Change(())
    source = Helm("chart", "demo", values, sets or {})
    images = {"web": Reference.parse(f"ghcr.io/acme/web@{_DIGEST}")}
    fill = Placeholders("pr-7.example.com", images)
    with gathering(problems):
        change = await helm.load(Tree.at(root), source, fill=fill, namespace="stage", problems=problems)
    return change, problems


async def test_values_come_from_chart_files_and_set_in_that_order(tmp_path: Path) -> None:
    """Later ones win, mappings are merged, `set` has the types of --set, and placeholders are filled."""
    names = ("default", "file", "both", "number", "host", "image", "repository", "digest")
    data = "\n  ".join(f"{name}: {{{{ .Values.a.{name} | toJson | quote }}}}" for name in names)
    write(
        tmp_path,
        {
            "chart/Chart.yaml": _CHART,
            "chart/values.yaml": "a: {default: 1, file: 1, both: 1, number: 1}\n",
            "chart/templates/a.yaml": _config("{{ .Release.Name }}-{{ .Release.Namespace }}", data),
            "one.yaml": "a: {file: 2, both: 2}\n",
            "two.yaml": "a: {both: 3}\n",
        },
    )
    sets = {
        "a.number": "4",
        "a.host": "https://{host}/x",
        "a.image": "{image.web}",
        "a.repository": "{repository.web}",
        "a.digest": "{digest.web}",
    }
    change, problems = await _load(tmp_path, ("one.yaml", "two.yaml"), sets)

    assert problems == []
    (manifest,) = change.manifests
    assert manifest.title == "ConfigMap/demo-stage"
    assert manifest.where == "chart/templates/a.yaml (line 1 as rendered)"
    assert manifest.object["data"] == {
        "default": "1",
        "file": "2",
        "both": "3",
        "number": "4",
        "host": '"https://pr-7.example.com/x"',
        "image": f'"ghcr.io/acme/web@{_DIGEST}"',
        "repository": '"ghcr.io/acme/web"',
        "digest": f'"{_DIGEST}"',
    }


async def test_hooks_of_installing_are_kept_and_others_left_out(tmp_path: Path) -> None:
    """A migration is part of the application; a test or a clean-up is not. Both are noted, as is a CRD."""
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\n"
    write(
        tmp_path,
        {
            "chart/Chart.yaml": _CHART,
            "chart/crds/x.yaml": crd,
            "chart/templates/NOTES.txt": "Thank you: {{ .Release.Name }}",
            "chart/templates/a.yaml": _config("migrate", hook="pre-install, pre-upgrade"),
            "chart/templates/b.yaml": _config("test", hook="test"),
            "chart/templates/c.yaml": _config("clean", hook="post-delete"),
            "chart/templates/d.yaml": _config("plain") + "---\n# nothing here\n",
        },
    )
    change, problems = await _load(tmp_path)

    assert problems == []
    assert [manifest.title for manifest in change.manifests] == ["ConfigMap/migrate", "ConfigMap/plain"]
    assert change.notes == (
        "CustomResourceDefinitions of the chart are left out: shop/crds/x.yaml",
        "ConfigMap/migrate: a Helm hook (pre-install, pre-upgrade); it is applied with all other objects",
        "ConfigMap/test: a Helm hook (test); it is left out",
        "ConfigMap/clean: a Helm hook (post-delete); it is left out",
    )


_DEPENDS = (
    _CHART + "dependencies:\n  - name: db\n    version: 1.x\n    repository: https://example.com/charts\n"
)


async def test_a_chart_that_is_not_in_the_repository_is_refused(tmp_path: Path) -> None:
    """Nothing is fetched; the message has file and line, and the command that mends it."""
    write(tmp_path, {"chart/Chart.yaml": _DEPENDS, "chart/templates/a.yaml": _config()})
    _, (problem,) = await _load(tmp_path)

    assert problem.where == "chart/Chart.yaml:5"
    assert "'db' of https://example.com/charts is not in the repository" in problem.what
    assert "helm dependency update" in problem.cure


async def test_a_vendored_chart_is_rendered_with_its_parent(tmp_path: Path) -> None:
    """A sub-chart in charts/ is all that is needed; its own dependencies are checked as well."""
    db = {
        "chart/charts/db/Chart.yaml": _CHART.replace("shop", "db"),
        "chart/charts/db/templates/b.yaml": _config("b"),
    }
    write(tmp_path, {"chart/Chart.yaml": _DEPENDS, "chart/templates/a.yaml": _config("a"), **db})
    change, problems = await _load(tmp_path)

    assert problems == []
    assert [manifest.where for manifest in change.manifests] == [
        "chart/charts/db/templates/b.yaml (line 1 as rendered)",
        "chart/templates/a.yaml (line 1 as rendered)",
    ]
    write(
        tmp_path,
        {
            "chart/charts/db/Chart.yaml": _DEPENDS.replace("shop", "db").replace(
                "name: db\n    v", "name: x\n    v"
            )
        },
    )
    _, (problem,) = await _load(tmp_path)
    assert problem.where == "chart/charts/db/Chart.yaml:5"


@pytest.mark.parametrize(
    ("files", "where", "words"),
    [
        (
            {"templates/a.yaml": 'a: {{ fail "no" }}'},
            "chart/templates/a.yaml:1",
            "execution error at (shop/templates/a.yaml:1:6): no",
        ),
        ({"templates/a.yaml": "a: {{ .Values.x"}, "chart/templates/a.yaml:1", "unclosed action"),
        ({"templates/a.yaml": "a: [\n"}, "chart/templates/a.yaml:2", "is not YAML"),
        ({"templates/a.yaml": "a: 1"}, "chart/templates/a.yaml (line 1 as rendered)", "has no apiVersion"),
        (
            {"templates/a.yaml": _config(data="k: {{ randAlphaNum 5 }}")},
            "chart/templates/a.yaml",
            "rendered again",
        ),
        ({"values.yaml": "a: 1\na: 2\n"}, "chart/values.yaml:2", "'a' is there twice"),
        ({"values.yaml": "- a\n"}, "chart/values.yaml", "is not one mapping"),
        ({"values.schema.json": '{"required": ["port"]}'}, "chart", "missing property 'port'"),
        ({"Chart.yaml": "name: shop\n"}, "chart", "helm: "),
    ],
)
async def test_a_fault_of_a_chart_is_told_with_its_place(
    tmp_path: Path, files: dict[str, str], where: str, words: str
) -> None:
    """Templates that fail, values that are wrong, output that is no object."""
    write(tmp_path, {"chart/Chart.yaml": _CHART})
    write(tmp_path, {f"chart/{name}": text for name, text in files.items()})
    _, problems = await _load(tmp_path)

    assert [problem.where for problem in problems] == [where]
    assert words in problems[0].what
    assert str(tmp_path) not in problems[0].what


async def test_equal_keys_in_what_a_chart_renders_are_as_helm_takes_them(tmp_path: Path) -> None:
    """Charts in use render a label twice; Helm takes the last, and so do we."""
    write(tmp_path, {"chart/Chart.yaml": _CHART, "chart/templates/a.yaml": _config(data="k: a\n  k: b")})
    change, problems = await _load(tmp_path)

    assert problems == []
    assert change.manifests[0].object["data"] == {"k": "b"}


async def test_a_template_without_end_is_stopped(tmp_path: Path) -> None:
    """Helm's process is given up, not ours; the message says which chart and why."""
    write(tmp_path, {"chart/Chart.yaml": _CHART, "chart/templates/a.yaml": '{{ repeat 3000000000 "x" }}'})
    with pytest.raises(InvalidInput, match=r"helm template chart: Helm ended with code -6: .*out of memory"):
        await _load(tmp_path)


async def test_a_link_out_of_the_checkout_is_refused(tmp_path: Path) -> None:
    """Helm would follow it, and show a file of this machine in a ConfigMap."""
    root = write(tmp_path / "repository", {"chart/Chart.yaml": _CHART, "chart/templates/a.yaml": _config()})
    (root / "chart/secret.txt").symlink_to("/etc/hostname")
    _, (problem,) = await _load(root)

    assert problem.where == "chart/secret.txt"
    assert "a link that leads out" in problem.what


async def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    """A values file, and an image that a placeholder names."""
    write(tmp_path, {"chart/Chart.yaml": _CHART})
    _, problems = await _load(tmp_path, ("gone.yaml",), {"image.tag": "{digest.other}"})

    assert [(problem.where, problem.what) for problem in problems] == [
        ("gone.yaml", "'gone.yaml' is not there"),
        ("preview.yml: manifests.helm.set.image.tag", "{digest.other} names an image that is not given"),
    ]


async def test_a_folder_of_countless_files_is_not_given_to_helm(tmp_path: Path) -> None:
    """A chart at the root of a repository brings everything else along."""
    write(tmp_path, {"chart/Chart.yaml": _CHART, **{f"chart/data/{number}": "" for number in range(1000)}})
    _, (problem,) = await _load(tmp_path)

    assert problem.what == "holds more than 1000 files"


async def test_a_folder_that_is_no_chart_is_told(tmp_path: Path) -> None:
    """The path that preview.yml names holds something else."""
    write(tmp_path, {"chart/a.yaml": _config()})
    _, (problem,) = await _load(tmp_path)

    assert str(problem) == "chart: has no Chart.yaml (name the folder of a chart)"
