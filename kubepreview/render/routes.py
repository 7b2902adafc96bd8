"""Ingress and HTTPRoute: read for what they lead to, and taken out. The product writes every route."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from kubepreview.core.kinds import as_mapping
from kubepreview.core.wire import Object
from kubepreview.render.manifests import Change, Manifest

# Paths that can be asked for as they are; others are patterns of some ingress controller.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._~/-]{0,128}")
_INGRESS_GROUPS = frozenset({"networking.k8s.io", "extensions"})
_HTTP_ROUTE_GROUP = "gateway.networking.k8s.io"


class Route(Struct, frozen=True):
    """One path of one host, and the Service port behind it."""

    host: str
    path: str
    service: str
    port: int | str
    source: str
    """The title of the object that says so."""

    def __str__(self) -> str:
        return f"{self.host}{self.path} → Service {self.service}, port {self.port}"


def taken_out(manifests: Iterable[Manifest]) -> tuple[Change, list[Route]]:
    """The manifests without those that route, and what those said."""
    kept, notes = [], []
    routes: list[Route] = []
    for manifest in manifests:
        if not _is_route(manifest.object):
            kept.append(manifest)
            continue
        routes.extend(_routes(manifest))
        notes.append(f"{manifest.title}: left out; the preview's route is written by kubepreview")
    return Change(tuple(kept), tuple(notes)), routes


def fitting(routes: Sequence[Route], baseline_host: str) -> list[Route]:
    """The best route of each host: the baseline's host alone, if it is there, else every one."""
    wanted = [route for route in routes if route.host == baseline_host] if baseline_host else []
    best: dict[str, Route] = {}
    # `/` leads; then the shortest path, which serves the most.
    for route in sorted(wanted or routes, key=lambda route: (len(route.path), route.path)):
        best.setdefault(route.host, route)
    return [best[host] for host in sorted(best)]


def _is_route(obj: Object) -> bool:
    group, kind = obj["apiVersion"].rpartition("/")[0], obj["kind"]
    return (kind == "Ingress" and group in _INGRESS_GROUPS) or (
        kind == "HTTPRoute" and group == _HTTP_ROUTE_GROUP
    )


def _routes(manifest: Manifest) -> Iterator[Route]:
    spec = as_mapping(manifest.object.get("spec"))
    read = _ingress if manifest.object["kind"] == "Ingress" else _http_route
    for host, path, service, port in read(spec):
        if isinstance(service, str) and isinstance(port, (int, str)):
            plain = path if isinstance(path, str) and _PLAIN_PATH.fullmatch(path) else "/"
            yield Route(host, plain, service, port, manifest.title)


def _ingress(spec: Object) -> Iterator[tuple[str, Any, Any, Any]]:
    for rule in _mappings(spec.get("rules")):
        for path in _mappings(as_mapping(rule.get("http")).get("paths")):
            yield str(rule.get("host") or ""), path.get("path"), *_backend(path.get("backend"))
    # Without rules this serves everything; networking.k8s.io/v1beta1 called it `backend`.
    default = spec.get("defaultBackend") or spec.get("backend")
    if default and not spec.get("rules"):
        yield "", "/", *_backend(default)


def _backend(value: Any) -> tuple[Any, Any]:
    backend = as_mapping(value)
    service = as_mapping(backend.get("service"))
    port = as_mapping(service.get("port"))
    # The second spelling is that of networking.k8s.io/v1beta1, which charts still carry.
    return (
        service.get("name") or backend.get("serviceName"),
        port.get("number") or port.get("name") or backend.get("servicePort"),
    )


def _http_route(spec: Object) -> Iterator[tuple[str, Any, Any, Any]]:
    hosts = [host for host in _list(spec.get("hostnames")) if isinstance(host, str)] or [""]
    for rule in _mappings(spec.get("rules")):
        paths = [as_mapping(match.get("path")).get("value") for match in _mappings(rule.get("matches"))]
        for backend in _mappings(rule.get("backendRefs")):
            if backend.get("kind", "Service") == "Service":
                for host in hosts:
                    for path in paths or ["/"]:
                        yield host, path, backend.get("name"), backend.get("port")


def _mappings(value: Any) -> list[Object]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
