"""Applications written by others render as they are: plain, kustomize and Helm."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kubepreview.core.images import Reference
from kubepreview.render.rendering import render
from kubepreview.render.sources import Entry, Files, Helm, Kustomize, Request, Source

_CORPUS = Path(__file__).parents[1] / "corpus"
_CASES = {
    "emojivoto": (10, Entry("web-svc", 80)),
    "go-httpbin": (2, Entry("httpbin", 80)),
    "hello-app-redis": (5, Entry("redis-cluster", 6379)),
    "hello-app-tls": (2, Entry("helloweb-backend", 443)),
    "hello-kubernetes": (3, Entry("hello-kubernetes-demo", 80)),
    "helm-hello-world": (3, Entry("demo-hello-world", 80)),
    "kustomize-wordpress": (5, Entry("demo-wordpress", 80)),
    "moj-multi-container": (7, Entry("rails-app-service", 3000)),
    "n8n-postgres": (8, Entry("n8n", 5678)),
}


def _source(folder: Path) -> Source:
    about = yaml.safe_load((folder / "CASE.yaml").read_text())
    match about["kind"]:
        case "kustomize":
            return Kustomize(about["entry"])
        case "helm":
            return Helm(about["entry"], "demo")
        case _:
            return Files(
                tuple(sorted(file.name for file in folder.glob("*.yaml") if file.name != "CASE.yaml"))
            )


@pytest.mark.parametrize("name", _CASES)
async def test_an_application_of_others_is_rendered(name: str) -> None:
    """Told only where it lies: its objects, by digest and without a namespace, and its entry."""

    async def resolve(reference: str) -> str:
        return str(Reference.parse(reference).pinned(f"sha256:{'0' * 64}"))

    case = _CORPUS / name
    rendered = await render(
        Request(root=case, source=_source(case), host="pr-7.example.com"), resolve=resolve
    )

    assert (len(rendered.objects), rendered.entry) == _CASES[name]
    assert not [obj for obj in rendered.objects if "namespace" in obj["metadata"]]
    assert "'image': '" in (text := str(rendered.objects))
    assert text.count("'image': '") == text.count(f"@sha256:{'0' * 64}'")


async def test_addresses_of_own_services_stay_inside_of_the_preview() -> None:
    """This application names its services by the namespace it brings; a preview has another."""
    case = _CORPUS / "emojivoto"
    rendered = await render(Request(root=case, source=_source(case), host="pr-7.example.com"))

    assert "emoji-svc.emojivoto" not in str(rendered.objects)
    assert "Deployment/web: emoji-svc.emojivoto is now emoji-svc in env EMOJISVC_HOST" in rendered.notes
