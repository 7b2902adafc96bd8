"""From what was found in a repository to its first preview.yml.

- every text parses as the configuration it is, whatever the names are
- what is chosen: the folder meant for previews, the image built here, the Service the Ingress leads to
- a repository without manifests is told so
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from kubepreview.core import config, scaffold
from kubepreview.core.config import Config
from kubepreview.core.scaffold import Facts, Found
from kubepreview.errors import InvalidInput


def service(name: str, *ports: int) -> Found:
    """A Service in k8s/."""
    obj = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}
    return Found(f"k8s/{name}.yaml", {**obj, "spec": {"ports": [{"port": port} for port in ports]}})


def workload(image: str, *, file: str = "k8s/web.yaml", **container: Any) -> Found:
    """A Deployment of one container."""
    spec = {"template": {"spec": {"containers": [{"name": "main", "image": image, **container}]}}}
    obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    return Found(file, obj)


def ingress(*backends: tuple[str, Any]) -> Found:
    """An Ingress with a path for each (Service, port)."""
    paths = [{"backend": {"service": {"name": name, "port": port}}} for name, port in backends]
    spec = {"rules": [{"http": {"paths": paths}}]}
    obj = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}}
    return Found("k8s/ingress.yaml", {**obj, "spec": spec})


PLAIN = Facts(
    folder="shop",
    repository="acme/shop",
    dockerfiles=("Dockerfile",),
    objects=(service("shop", 80), workload("ghcr.io/acme/shop:1.2")),
)


def written(facts: Facts) -> Config:
    """The configuration that the text is."""
    text = scaffold.text(facts)
    assert text.startswith(f"# yaml-language-server: $schema={config.SCHEMA_URL}\n")
    return config.parse(yaml.load(text, yaml.CSafeLoader), {}, "preview.yml")


@pytest.mark.parametrize(
    ("facts", "project"),
    [
        (PLAIN, "shop"),
        (replace(PLAIN, repository="Acme/My_Shop.io"), "my-shop-io"),
        (replace(PLAIN, repository="", folder="Checkout Dir"), "checkout-dir"),
        (replace(PLAIN, repository="acme/___"), "app"),
        (replace(PLAIN, repository="acme/" + "x" * 90), "x" * 40),
    ],
)
def test_the_project_is_named_like_the_repository(facts: Facts, project: str) -> None:
    """Its name becomes one that Kubernetes takes."""
    assert written(facts).project == project


@pytest.mark.parametrize(
    ("facts", "manifests"),
    [
        (PLAIN, {"files": ("k8s",)}),
        (replace(PLAIN, objects=(workload("a", file="web.yaml"),)), {"files": ("web.yaml",)}),
        (
            replace(PLAIN, objects=(workload("a", file="a/w.yaml"), workload("b", file="a/b/w.yaml"))),
            {"files": ("a",)},
        ),
        (
            replace(PLAIN, kustomizations=("deploy/base", "deploy/overlays/preview")),
            {"kustomize": "deploy/overlays/preview"},
        ),
        (
            replace(PLAIN, kustomizations=("deploy/production", "deploy/staging")),
            {"kustomize": "deploy/staging"},
        ),
        (replace(PLAIN, kustomizations=(".",)), {"kustomize": "."}),
        (replace(PLAIN, charts={"chart": {}}), {"helm": "chart"}),
        (replace(PLAIN, charts={"chart": {}}, kustomizations=("k",)), {"kustomize": "k"}),
    ],
)
def test_the_manifests_are_those_meant_for_previews(facts: Facts, manifests: dict[str, Any]) -> None:
    """A kustomization before a chart before plain files; of several, the best name, then the nearest."""
    chosen = written(facts).manifests
    helm = chosen.helm.chart if not isinstance(chosen.helm, UnsetType) else UNSET
    found = {"kustomize": chosen.kustomize, "helm": helm, "files": chosen.files}

    assert {key: value for key, value in found.items() if value is not UNSET} == manifests


@pytest.mark.parametrize(
    ("facts", "images"),
    [
        (PLAIN, ("ghcr.io/acme/shop",)),
        (replace(PLAIN, objects=(workload("shop"), workload("docker.io/library/redis:7"))), ("shop",)),
        (replace(PLAIN, objects=(workload("other/thing:2"),)), ("other/thing",)),
        (replace(PLAIN, dockerfiles=(), objects=(workload("other/thing:2"),)), ()),
        (replace(PLAIN, objects=(workload("redis"), workload("nginx"))), ()),
        (
            replace(
                PLAIN,
                dockerfiles=("web/Dockerfile", "worker/Dockerfile"),
                objects=(workload("x/web"), workload("x/worker"), workload("redis")),
            ),
            ("x/web", "x/worker"),
        ),
        (
            replace(PLAIN, charts={"c": {"image": {"repository": "ghcr.io/acme/shop"}}}, objects=()),
            ("ghcr.io/acme/shop",),
        ),
        (replace(PLAIN, charts={"c": {"image": "shop"}}, objects=()), ("shop",)),
        (replace(PLAIN, objects=(workload("$IMAGE"), workload("shop"))), ("shop",)),
    ],
)
def test_the_images_are_those_built_here(facts: Facts, images: tuple[str, ...]) -> None:
    """Named like the repository, its owner or a Dockerfile's folder; or the only one there is."""
    assert written(facts).images == images


@pytest.mark.parametrize(
    ("objects", "entry"),
    [
        ((service("shop", 443, 80), workload("shop")), ("shop", 80)),
        ((service("only", 8080), workload("shop")), ("only", 8080)),
        ((service("shop", 80), service("db", 5432), workload("shop")), ("shop", 80)),
        ((service("a", 80), service("b", 80), workload("shop")), None),
        ((ingress(("web", {"number": 8000})), service("shop", 80), workload("shop")), ("web", 8000)),
        ((ingress(("web", {"name": "http"})), workload("shop")), ("web", "http")),
        ((ingress(("a", {"number": 1}), ("b", {"number": 2})), service("shop", 80)), None),
        ((service("shop"), workload("shop")), None),
    ],
)
def test_the_entry_is_what_the_ingress_leads_to(
    objects: tuple[Found, ...], entry: tuple[str, int | str] | None
) -> None:
    """Or the one Service; where neither says, it is left to `up`, with an example beside it."""
    facts = replace(PLAIN, objects=objects)

    chosen = written(facts).entry

    found = None if isinstance(chosen, UnsetType) else (chosen.service, chosen.port)
    assert found == entry
    assert "entry: {service: shop" in scaffold.text(facts) or entry is not None


def test_the_path_is_that_of_the_readiness_probe() -> None:
    """What the cluster asks to know that a pod is ready is a good path to look at."""
    probed = workload("shop", readinessProbe={"httpGet": {"path": "/healthz", "port": 80}})

    entry = written(replace(PLAIN, objects=(service("shop", 80), probed))).entry

    assert not isinstance(entry, UnsetType)
    assert entry.path == "/healthz"


def test_a_test_that_is_there_is_named() -> None:
    """test_k8s.py is run with Python; without one, a line shows how to name one."""
    assert written(replace(PLAIN, tests=("test_k8s.py",))).test == "python3 test_k8s.py"
    assert "# test:" in scaffold.text(PLAIN)


def test_a_repository_without_manifests_is_told_so() -> None:
    """Nothing is made up: the error says what was looked for, and what to add."""
    with pytest.raises(InvalidInput, match=r"no kustomization.yaml, no Chart.yaml") as told:
        scaffold.text(replace(PLAIN, objects=()))

    assert "Deployment and a Service" in told.value.hint


@settings(max_examples=40, deadline=None)  # each is a whole file; 40 take a third of a second
@given(
    folder=st.text(min_size=1, max_size=60),
    paths=st.lists(
        st.from_regex(r"[^/\x00-\x1f\x7f\ud800-\udfff][^\x00-\x1f\x7f\ud800-\udfff]{0,30}", fullmatch=True),
        min_size=1,
    ),
    ports=st.lists(st.integers(1, 65535), max_size=3),
)
def test_whatever_the_names_the_text_is_a_configuration(
    folder: str, paths: list[str], ports: list[int]
) -> None:
    """No name of a folder, file or object breaks out of its place in the file."""
    facts = Facts(folder=folder, kustomizations=tuple(paths), objects=(service("shop", *ports),))

    assert written(facts).manifests.kustomize in paths


def test_images_are_pushed_in_lower_case() -> None:
    """A registry takes no other; GitHub's names may have any."""
    mixed = replace(PLAIN, repository="Acme/Shop")
    (build,) = scaffold.choices(mixed, "f" * 40).builds

    assert build.pushed == "ghcr.io/acme/shop"
    assert build.dockerfile == "Dockerfile"


def test_each_image_has_the_dockerfile_of_its_name() -> None:
    """Of several; and what GitHub would take for an expression is no name of a file."""
    files = ("Dockerfile", "worker/Dockerfile", "${{ github.token }}/Dockerfile")
    several = replace(
        PLAIN,
        dockerfiles=files,
        objects=(workload("ghcr.io/acme/shop:1"), workload("ghcr.io/acme/worker:1", file="k8s/worker.yaml")),
    )
    builds = scaffold.choices(several, "f" * 40).builds

    assert [(each.name, each.pushed, each.dockerfile) for each in builds] == [
        ("ghcr.io/acme/shop", "ghcr.io/acme/shop/shop", "Dockerfile"),
        ("ghcr.io/acme/worker", "ghcr.io/acme/shop/worker", "worker/Dockerfile"),
    ]
    only = replace(PLAIN, dockerfiles=("${{ github.token }}/Dockerfile",))
    assert scaffold.choices(only, "f" * 40).builds == ()
