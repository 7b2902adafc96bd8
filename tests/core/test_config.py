"""`preview.yml`: what is taken, and what its author is told of everything that is not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from kubepreview.core import config
from kubepreview.core.config import Config, Helm, Manifests, parse, schema
from kubepreview.core.model import Entry
from kubepreview.errors import InvalidInput

PUBLISHED = Path(__file__).parents[2] / "docs/reference/preview-v1alpha1.json"
MINIMAL = {"project": "rapidrar", "manifests": {"kustomize": "deploy"}}


def problems_of(document: Any, marks: config.Marks | None = None) -> list[str]:
    """Every problem of a document, as it is printed."""
    with pytest.raises(InvalidInput) as raised:
        parse(document, marks or {}, "preview.yml")
    return [str(problem) for problem in raised.value.problems]


def test_the_smallest_file_names_a_project_and_manifests() -> None:
    """Two keys are enough; the rest has a meaning when it is left out."""
    assert parse(MINIMAL, {}, "f") == Config(project="rapidrar", manifests=Manifests(kustomize="deploy"))
    assert parse(MINIMAL, {}, "f").control_namespace == "rapidrar-previews"


def test_every_key_is_read() -> None:
    """A file that says everything comes back with everything."""
    document = {
        "project": "rapidrar",
        "namespace": "previews",
        "manifests": {
            "helm": {"chart": "chart", "release": "x", "values": ["a.yaml"], "set": {"a.b": 1, "c": True}}
        },
        "images": ["rapidrar", "ghcr.io/acme/worker"],
        "entry": {"service": "rapidrar", "port": "http", "path": "/healthz"},
        "test": "python 'test k8s.py'",
        "timeout": "90s",
    }

    assert parse(document, {}, "f") == Config(
        project="rapidrar",
        namespace="previews",
        manifests=Manifests(
            helm=Helm(chart="chart", release="x", values=("a.yaml",), set={"a.b": 1, "c": True})
        ),
        images=("rapidrar", "ghcr.io/acme/worker"),
        entry=Entry(service="rapidrar", port="http", path="/healthz"),
        test="python 'test k8s.py'",
        timeout="90s",
    )
    assert parse(document, {}, "f").control_namespace == "previews"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"project": None}, "project: must be a string, not null"),
        ({"project": "Rapid RAR"}, 'project: "Rapid RAR" does not fit here; it must match'),
        ({"manifests": {}}, "manifests: needs exactly one of kustomize, helm, files"),
        ({"manifests": {"kustomize": "a", "files": ["b"]}}, "manifests: needs exactly one of"),
        ({"manifests": {"kustomize": "/etc"}}, 'manifests.kustomize: "/etc" does not fit here'),
        ({"manifests": {"files": []}}, "manifests.files: must not be empty"),
        ({"manifests": {"helm": {}}}, "manifests.helm: 'chart' is missing"),
        (
            {"manifests": {"helm": {"chart": "c", "set": {"a": []}}}},
            "manifests.helm.set.a: must be a string or",
        ),
        ({"images": "web"}, 'images: must be a list, not "web"'),
        ({"entry": {"service": "web"}}, "entry: 'port' is missing"),
        ({"entry": {"service": "web", "port": 1.5}}, "entry.port: must be a whole number or a string"),
        ({"entry": {"service": "web", "port": 80, "path": "/a b"}}, "entry.path:"),
        ({"test": "python 'a"}, "test: No closing quotation (close every quote)"),
        ({"timeout": "5 minutes"}, 'timeout: "5 minutes" does not fit here'),
        ({"timout": "5m"}, "timout: unknown key 'timout' (did you mean 'timeout'?)"),
        ({"replicas": 2}, "replicas: unknown key 'replicas' (known are project, namespace,"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_cure(change: dict[str, Any], problem: str) -> None:
    """Each mistake gives one problem that names the key and says what is wrong with it."""
    (told,) = problems_of({**MINIMAL, **change})

    assert f"preview.yml: {problem}" in told


def test_all_mistakes_are_told_at_once_each_with_its_line() -> None:
    """Three mistakes are three problems; a line is given wherever the reader noted one."""
    document = {"project": 7, "manifests": {"kustomise": "deploy"}, "timeout": "soon"}
    marks: config.Marks = {
        (): 1,
        ("project",): 1,
        ("manifests",): 2,
        ("manifests", "kustomise"): 3,
        ("timeout",): 4,
    }

    told = problems_of(document, marks)

    assert {line.split(" ")[0] for line in told} == {"preview.yml:1:", "preview.yml:3:", "preview.yml:4:"}
    assert len(told) == 3


@pytest.mark.parametrize("document", [None, [], "text", 7])
def test_a_file_that_is_no_mapping_is_told_as_such(document: object) -> None:
    """An empty file, a list or a text gives one clear sentence, not a crash."""
    (told,) = problems_of(document)

    assert "must be a mapping" in told


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    """What editors load is what `up` applies; KUBEPREVIEW_REWRITE_GOLDENS=1 writes it anew."""
    now = json.dumps(schema(), indent=2) + "\n"
    if os.environ.get("KUBEPREVIEW_REWRITE_GOLDENS") == "1":  # noqa: TID251  the switch of the tests
        PUBLISHED.write_text(now)

    assert PUBLISHED.read_text() == now


def test_the_schema_is_one_that_other_tools_accept() -> None:
    """It is valid JSON Schema, draft 2020-12, and every property of it is described."""
    assert jsonschema_rs.meta.is_valid(schema())
    assert all("description" in node for node in schema()["properties"].values())
