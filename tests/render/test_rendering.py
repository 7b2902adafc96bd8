"""A whole rendering: what goes in, what comes out, and that it is the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubepreview.core.images import Reference
from kubepreview.core.wire import Object
from kubepreview.errors import InvalidInput
from kubepreview.render.order import canonical
from kubepreview.render.rendering import render
from kubepreview.render.sources import Entry, Files, Helm, Kustomize, Rendered, Request, Source

from .manifests import WEB, write

_OURS = f"ghcr.io/acme/web@sha256:{'1' * 64}"
_TODAY = f"sha256:{'2' * 64}"

_APPLICATION = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop-staging}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: shop, namespace: shop-staging}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - name: main
          image: shop:latest
          env:
            - {name: URL, value: "https://shop.example.com/"}
            - {name: DB, value: db.shop-staging.svc.cluster.local}
        - {name: sidecar, image: "nginx:1.29"}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop-staging}
spec:
  selector: {app: shop}
  ports: [{name: http, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop-staging}
spec:
  ports: [{port: 5432}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop-staging}
spec:
  rules:
    - host: shop.example.com
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: shop, port: {name: http}}}}
"""


async def _resolve(reference: str) -> str:
    return str(Reference.parse(reference).pinned(_TODAY))


async def _render(root: Path, source: Source, **request: object) -> Rendered:
    given = {"host": "pr-7.shop.example.com", **request}
    return await render(Request(root=root, source=source, **given), resolve=_resolve)  # type: ignore[arg-type]  # keywords as they come


def _deployment_of_a_preview() -> Object:
    labels = {"kubepreview.dev/origin": "pull-request"}
    env = [{"name": "URL", "value": "https://pr-7.shop.example.com/"}, {"name": "DB", "value": "db"}]
    containers = [
        {"name": "main", "image": _OURS, "env": env},
        {"name": "sidecar", "image": f"nginx@{_TODAY}"},
    ]
    template = {"metadata": {"labels": {"app": "shop", **labels}}, "spec": {"containers": containers}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "shop"}}, "template": template},
    }


async def test_an_application_written_for_staging_becomes_a_preview(tmp_path: Path) -> None:
    """Every change that design names, on one small application, and each of them is told."""
    write(tmp_path, {"k8s/shop.yaml": _APPLICATION})
    rendered = await _render(
        tmp_path,
        Files(("k8s",)),
        images={"shop": _OURS},
        baseline_host="shop.example.com",
        baseline_namespace="shop-staging",
        labels={"kubepreview.dev/origin": "pull-request"},
    )

    assert [f"{obj['kind']}/{obj['metadata']['name']}" for obj in rendered.objects] == [
        "Service/db",
        "Service/shop",
        "Deployment/shop",
    ]
    assert rendered.objects[2] == _deployment_of_a_preview()
    assert rendered.entry == Entry("shop", "http", "/")
    assert rendered.notes == (
        "Namespace/shop-staging: left out; the preview has a namespace of its own",
        "the namespace 'shop-staging', which the objects name, is now the preview's",
        "DaemonSet/shop: now a Deployment with one replica; its updateStrategy is left out",
        "Ingress/shop: left out; the preview's route is written by kubepreview",
        "entry: Service shop, port http, path /, from Ingress/shop",
        "Deployment/shop: db.shop-staging.svc.cluster.local is now db in env DB",
        "Deployment/shop: shop.example.com is now pr-7.shop.example.com in env URL",
        f"image shop:latest: now {_OURS}",
        f"image nginx:1.29: held to {_TODAY}, which its tag stands for now",
    )


async def test_a_project_may_keep_its_daemon_sets(tmp_path: Path) -> None:
    """For hardware on every node."""
    write(tmp_path, {"k8s/shop.yaml": _APPLICATION})
    rendered = await _render(
        tmp_path, Files(("k8s",)), keep_daemon_sets=True, baseline_namespace="shop-staging"
    )

    assert [obj["kind"] for obj in rendered.objects] == ["Service", "Service", "DaemonSet"]


async def test_every_problem_of_the_objects_is_told_at_once(tmp_path: Path) -> None:
    """Namespace, duplicate, image and entry: one push mends them all."""
    bad = WEB.replace("metadata:\n  name: web\n", "metadata:\n  name: web\n  namespace: other\n", 1)
    write(tmp_path, {"a.yaml": bad, "b.yaml": WEB.split("---")[1].lstrip()})
    with pytest.raises(InvalidInput, match="4 problems") as error:
        await _render(
            tmp_path, Files(("a.yaml", "b.yaml")), images={"wbe": _OURS}, entry=Entry("gone", 80, "/")
        )

    assert [problem.where for problem in error.value.problems] == [
        "a.yaml:1",
        "b.yaml:1",
        "preview.yml: entry",
        "preview.yml: images",
    ]


async def test_every_problem_of_the_files_is_told_at_once(tmp_path: Path) -> None:
    """A reference that is none, a file that is not there, and a duplicate key."""
    write(tmp_path, {"a.yaml": "a: 1\na: 2\n"})
    with pytest.raises(InvalidInput) as error:
        await _render(tmp_path, Files(("gone.yaml", "a.yaml")), images={"web": "https://ghcr.io/acme/web"})

    assert [problem.where for problem in error.value.problems] == ["image web", "gone.yaml", "a.yaml:2"]


async def test_more_than_a_hundred_objects_are_refused(tmp_path: Path) -> None:
    """With the number; what is left out on the way does not count."""
    config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\n"
    namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    write(tmp_path, {"a.yaml": WEB + namespace + "".join(config % number for number in range(98))})
    assert len((await _render(tmp_path, Files(("a.yaml",)))).objects) == 100

    write(tmp_path, {"b.yaml": config % 99})
    with pytest.raises(InvalidInput) as error:
        await _render(tmp_path, Files(("a.yaml", "b.yaml")))
    (problem,) = error.value.problems
    assert str(problem).startswith("a.yaml, b.yaml: 101 objects; a preview holds at most 100")


_SOURCES: dict[str, tuple[Source, dict[str, str]]] = {
    "files": (Files(("k8s",)), {"k8s/c.yaml": WEB.split("---")[1], "k8s/a.yaml": WEB.split("---")[0]}),
    "kustomize": (
        Kustomize("k8s"),
        {
            "k8s/kustomization.yaml": "resources: [a.yaml]\n"
            "secretGenerator: [{name: s, literals: [b=1, a=2]}]\n",
            "k8s/a.yaml": WEB,
        },
    ),
    "helm": (
        Helm("k8s", "demo"),
        {
            "k8s/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
            "k8s/templates/c.yaml": WEB.split("---")[1],
            "k8s/templates/a.yaml": WEB.split("---")[0],
            "k8s/values.yaml": "b: 1\na: 2\n",
        },
    ),
}


@pytest.mark.parametrize("kind", _SOURCES)
async def test_the_same_input_gives_the_same_bytes(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the order in which a file system lists its files, and wherever the checkout lies."""
    source, files = _SOURCES[kind]
    one = write(tmp_path / "one", files)
    other = write(tmp_path / "far/away/other", dict(reversed(files.items())))
    first = await _render(one, source)
    listed = Path.iterdir

    def backwards(folder: Path) -> Iterator[Path]:
        return iter(sorted(listed(folder), reverse=True))

    monkeypatch.setattr(Path, "iterdir", backwards)
    second = await _render(other, source)

    assert canonical(first.objects) == canonical(second.objects)
    assert first == second


async def test_rendering_what_was_rendered_changes_nothing(tmp_path: Path) -> None:
    """The output is itself a fine input."""
    write(tmp_path, {"k8s/shop.yaml": _APPLICATION})
    options = {"images": {"shop": _OURS}, "baseline_namespace": "shop-staging", "labels": {"a": "b"}}
    first = await _render(tmp_path, Files(("k8s",)), **options)
    (tmp_path / "again.json").write_bytes(
        canonical(first.objects).replace(b"[", b"", 1)[:-1].replace(b'},{"api', b'}\n{"api')
    )
    second = await _render(tmp_path, Files(("again.json",)), entry=first.entry, labels={"a": "b"})

    assert second.objects == first.objects
