"""Applications written by others are taken: rendered, let through by the early check, and by the apiserver.

A wall that refuses everything would be no achievement. What is refused is listed here, each with its cure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from kubepreview.core.images import Reference
from kubepreview.core.podcheck import Limits
from kubepreview.core.precheck import check
from kubepreview.core.wire import Object
from kubepreview.errors import InvalidInput
from kubepreview.kube.client import Client
from kubepreview.render.rendering import render
from kubepreview.render.sources import Entry, Files, Helm, Kustomize, Rendered, Request, Source
from tests.figures import Figures
from tests.security.apiserver import refusal
from tests.security.conftest import ANYWHERE, STRICT
from tests.security.hostile_pods import IMAGE

_CORPUS: Final = Path(__file__).parents[1] / "corpus"
_ABOUT: Final[Mapping[str, dict[str, Any]]] = {
    file.parent.name: yaml.safe_load(file.read_text()) for file in sorted(_CORPUS.glob("*/CASE.yaml"))
}
_ORDINARY: Final = [name for name, about in _ABOUT.items() if about["benign"]]
_GREEDY: Final = [name for name, about in _ABOUT.items() if not about["benign"]]

# What a preview.yml says where the manifests do not: which of several Services people visit, ...
_ENTRIES: Final = {
    "aks-store-all-in-one": Entry("store-front", 80),
    "aks-store-chart": Entry("store-front", 80),
    "aks-store-kustomize": Entry("store-front", 80),
    "bookinfo": Entry("productpage", 9080),
    "bookinfo-psa": Entry("productpage", 9080),
    "g2k-rabbitmq": Entry("demo-rabbitmq", 15672),
    "httpbin": Entry("httpbin", 8000),
    "movies-infrastructure": Entry("mongodb", 27017),
    "mysql-galera": Entry("pxc-cluster", 3306),
    "selenium-grid": Entry("selenium-hub", 4444),
    "tcp-echo": Entry("tcp-echo", 9000),
    "teastore-chart": Entry("teastore-webui", "http-webui"),
}
# ... values that a chart asks for, the overlay that is for staging, the files that are manifests, and the
# namespace that staging has.
_VALUES: Final = {
    "govuk-generic-app": {
        "appImage.repository": "registry.example.com/app",
        "appImage.tag": "v1",
        # Their Secrets come from an operator, with rights that are not the pull request's.
        "rails.createKeyBaseSecret": "false",
        "sentry.createSecret": "false",
    },
    "kratos-ui": {"config.secrets.cookie": "x" * 32, "config.secrets.csrfCookie": "x" * 32},
}
_OVERLAYS: Final = {"kustomize-ldap": "overlays/staging"}
_FOLDERS: Final = {
    "envoy-grpc-echo": (
        *("echo-grpc/k8s", "reverse-grpc/k8s"),
        *("envoy/k8s/envoy-deployment.yaml", "envoy/k8s/envoy-service.yaml"),
    ),
}
_BASELINES: Final = {"sock-shop-jaeger": "sock-shop"}

# What is refused all the same, and the end of what its author is told.
_REFUSED: Final = {
    "custom-metrics-worker": "add a Service for what people visit",
    "govuk-mirror": "add a Service for what people visit",
    "skaffold-kustomize": "add a Service for what people visit",
}


_STRICTLY: Final = "Ordinary applications that the profile `restricted` refuses, and what mends each"
# In the words of Pod Security: which containers must set what.
_MUST: Final = re.compile(r'containers? ("[^()]*") must set ([^()]*)\)')


def _source(name: str) -> Source:
    about, folder = _ABOUT[name], _CORPUS / name
    match about["kind"]:
        case "kustomize":
            return Kustomize(_OVERLAYS.get(name, about["entry"]))
        case "helm":
            return Helm(about["entry"], "demo", set=_VALUES.get(name, {}))
        case _ if about["entry"] != ".":
            return Files((about["entry"],))
        case _ if name in _FOLDERS:
            return Files(_FOLDERS[name])
    files = (file for ending in ("*.yaml", "*.yml") for file in folder.rglob(ending))
    return Files(tuple(sorted(str(file.relative_to(folder)) for file in files if file.name != "CASE.yaml")))


async def _rendered(name: str) -> Rendered:
    async def resolve(reference: str) -> str:
        """As a registry would, which names the digest of a tag."""
        return str(Reference.parse(reference).pinned(f"sha256:{'0' * 64}"))

    request = Request(
        root=_CORPUS / name,
        source=_source(name),
        host="pr-7.example.com",
        entry=_ENTRIES.get(name),
        baseline_namespace=_BASELINES.get(name, ""),
    )
    return await render(request, resolve=resolve)


def test_nearly_every_ordinary_application_is_taken() -> None:
    """At least 95 of 100."""
    assert len(_ORDINARY) >= 60
    assert len(_REFUSED) <= 0.05 * len(_ORDINARY)


@pytest.mark.parametrize("name", [name for name in _ORDINARY if name not in _REFUSED])
async def test_an_ordinary_application_is_taken(name: str, admin: Client, figures: Figures) -> None:
    """By the early check, and by the apiserver with the pods that it would make."""
    rendered = await _rendered(name)
    said = {_title(obj): await refusal(obj, admin, ANYWHERE) for obj in rendered.objects}
    strictly = [await refusal(obj, admin, STRICT) for obj in rendered.objects]
    figures.count("ordinary taken", not any(said.values()))
    figures.count("ordinary taken, restricted", not any(strictly))
    if any(strictly):
        figures.note(_STRICTLY, "Whose containers must say what.", f"`{name}`: {_cure(strictly)}")

    assert check(rendered.objects, Limits(namespace="p")) == []
    assert {title: words for title, words in said.items() if words} == {}


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"readOnlyRootFilesystem": True},
        {"capabilities": {}},
        {"capabilities": {"drop": ["all"]}},
        {"capabilities": {"add": ["NET_BIND_SERVICE"]}, "allowPrivilegeEscalation": False},
    ],
    ids=str,
)
async def test_who_does_not_run_as_root_meets_restricted(context: Object, admin: Client) -> None:
    """That is all that its author has to say; the rest is put in, for init containers, too."""
    container = {"name": "web", "image": IMAGE, "securityContext": context}
    first = {"name": "first", "image": IMAGE}
    spec = {"containers": [container], "initContainers": [first], "securityContext": {"runAsNonRoot": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}

    assert await refusal(pod, admin, STRICT) == ""


@pytest.mark.parametrize("name", _REFUSED)
async def test_what_is_refused_is_told_its_cure(name: str, figures: Figures) -> None:
    """In one line."""
    for profile in ("ordinary taken", "ordinary taken, restricted"):
        figures.count(profile, result=False)
    figures.note("Ordinary applications that are refused", "By each profile.", f"`{name}`: {_REFUSED[name]}")
    with pytest.raises(InvalidInput) as refused:
        await _rendered(name)

    assert _REFUSED[name] in [problem.cure for problem in refused.value.problems]


@pytest.mark.parametrize("name", _GREEDY)
async def test_what_wants_the_cluster_or_the_node_is_refused(name: str) -> None:
    """Each of those that are no ordinary applications, with a cure for each thing that is wrong with it."""
    try:
        problems = check((await _rendered(name)).objects, Limits(namespace="p"))
    except InvalidInput as refused:
        problems = list(refused.problems)

    assert problems
    assert all(problem.cure for problem in problems)


def _cure(refusals: Sequence[str]) -> str:
    """One line: each field, and the containers that must set it."""
    containers: dict[str, dict[str, None]] = {}
    for names, field in (found for words in refusals for found in _MUST.findall(words)):
        containers.setdefault(field, {}).update(dict.fromkeys(names.replace('"', "").split(", ")))
    assert containers, refusals
    return "; ".join(f"set `{field}` on {', '.join(names)}" for field, names in containers.items())


def _title(obj: Object) -> str:
    return f"{obj['kind']}/{obj['metadata']['name']}"
