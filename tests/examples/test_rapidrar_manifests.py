"""RapidRAR's manifests: what is deployed by kustomize, by Helm, and as a preview."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from kubepreview.cli import config_file
from kubepreview.core import kinds
from kubepreview.core.model import Entry
from tests.examples import RAPIDRAR

_KUBECTL = Path(sys.executable).with_name("kubectl")


def kustomize(folder: str) -> dict[str, Any]:
    """The objects of a kustomization, by kind."""
    command = [str(_KUBECTL), "kustomize", str(RAPIDRAR / "deploy" / folder)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603 - our own folder
    return {obj["kind"]: obj for obj in yaml.safe_load_all(output)}


def helm(**values: Any) -> dict[str, Any]:
    """The objects of the chart, by kind."""
    with helm_python.Chart.load(RAPIDRAR / "chart") as chart:
        rendered = chart.render(values, name="rapidrar", namespace="default")
    return {obj["kind"]: obj for text in rendered.values() for obj in yaml.safe_load_all(text) if obj}


def test_the_chart_and_the_base_are_the_same() -> None:
    """Helm and kustomize deploy the same objects, field by field."""
    assert helm() == kustomize("base")


def test_the_chart_can_be_a_deployment() -> None:
    """With other values the chart is a Deployment of another image on another host."""
    objects = helm(kind="Deployment", replicas=2, image="r/rapidrar@sha256:1", host="h", ingressClassName="c")

    assert set(objects) == {"Deployment", "Service", "Ingress"}
    assert objects["Deployment"]["spec"]["replicas"] == 2
    assert (
        objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"] == "r/rapidrar@sha256:1"
    )
    assert (
        objects["Ingress"]["spec"]["ingressClassName"],
        objects["Ingress"]["spec"]["rules"][0]["host"],
    ) == ("c", "h")


@pytest.mark.parametrize(
    ("overlay", "host"),
    [("staging", "rapidrar.example.com"), ("staging-local", "rapidrar.localhost")],
)
def test_staging_has_its_namespace_and_host(overlay: str, host: str) -> None:
    """Staging is one namespace with everything in it, under its own host."""
    objects = kustomize(f"overlays/{overlay}")

    assert objects.pop("Namespace")["metadata"]["name"] == "rapidrar-staging"
    assert {obj["metadata"]["namespace"] for obj in objects.values()} == {"rapidrar-staging"}
    assert objects["Ingress"]["spec"]["rules"][0]["host"] == host


def test_a_preview_is_made_of_what_a_pull_request_may_bring() -> None:
    """But for the Ingress, which is read and not applied, every kind is allowed in a preview."""
    objects = kustomize("overlays/preview")

    assert objects.pop("Ingress")
    assert all((obj["apiVersion"], obj["kind"]) in kinds.ALLOWED for obj in objects.values())


def test_preview_yml_is_valid_and_names_what_is_there() -> None:
    """The configuration is accepted; its service, image, folder and test exist."""
    file = RAPIDRAR / ".github" / "preview.yml"
    config = config_file.parse(file.read_text("utf-8"), file.name)
    objects = kustomize(str(config.manifests.kustomize).removeprefix("deploy/"))

    assert isinstance(config.entry, Entry)
    assert objects["Service"]["metadata"]["name"] == config.entry.service
    assert objects["DaemonSet"]["spec"]["template"]["spec"]["containers"][0]["image"] in config.images
    assert (RAPIDRAR / config.test.split()[-1]).is_file()
