"""Where requests enter the preview: said outright, read from a route, or the one Service that fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from kubepreview.core.kinds import as_mapping
from kubepreview.core.wire import Object
from kubepreview.errors import Problem
from kubepreview.render.manifests import Manifest
from kubepreview.render.routes import Route, fitting
from kubepreview.render.sources import Entry

_WHERE = "preview.yml: entry"
_WEB_NAMES = ("http", "web", "https", "ui", "www")
_WEB_PORTS = frozenset({80, 443, 3000, 5000, 8000, 8080, 8443, 8888, 9000})
_OTHER_NAMES = ("grpc", "tcp", "metrics", "admin")
_HTTP_PORT = 80
_MOST_SHOWN = 10


class Chosen(Struct, frozen=True):
    """The entry, if there is one, how it was found, and what stands against it."""

    entry: Entry | None
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class _Service(Struct, frozen=True):
    name: str
    ports: tuple[Object, ...]
    is_exposed: bool
    is_headless: bool

    @property
    def web_ports(self) -> list[Object]:
        """The ports that look like HTTP; of several, those that look most like it."""
        ranks = [(rank, port) for port in self.ports if (rank := _web_rank(port)) is not None]
        best = min((rank for rank, _ in ranks), default=0)
        return [port for rank, port in ranks if rank == best]


def choose(
    explicit: Entry | None, routes: Sequence[Route], manifests: Iterable[Manifest], baseline_host: str
) -> Chosen:
    """The entry of a preview; it names a Service and a port that are there."""
    services = [service for manifest in manifests if (service := _service(manifest.object))]
    if explicit is not None:
        return _checked(explicit, services, _WHERE, ())
    if routes:
        return _from_routes(routes, services, baseline_host)
    return _from_services(services)


def _from_routes(routes: Sequence[Route], services: Sequence[_Service], baseline_host: str) -> Chosen:
    best = fitting(routes, baseline_host)
    targets = {(route.service, route.port) for route in best}
    if len(targets) > 1:
        cure = f"name one of them: {'; '.join(map(str, best[:_MOST_SHOWN]))}"
        problem = Problem(where=_WHERE, what="the manifests route several hosts", cure=cure)
        return Chosen(None, problems=(problem,))
    route = best[0]
    others = sorted({other for other in routes if (other.service, other.port) not in targets}, key=str)
    notes = (
        f"entry: Service {route.service}, port {route.port}, path {route.path}, from {route.source}",
        *(f"{other.source}: {other} is not routed; a preview has one entry" for other in others),
    )
    return _checked(Entry(route.service, route.port, route.path), services, route.source, notes)


def _from_services(services: Sequence[_Service]) -> Chosen:
    """The narrowest group that has anything decides: exposed Services, then web ports, then any port."""
    plain = [service for service in services if not service.is_headless]
    exposed = [service for service in plain if service.is_exposed]
    for group, why in (
        ([(one.name, port) for one in exposed for port in one.web_ports], "the only exposed web port"),
        ([(one.name, port) for one in plain for port in one.web_ports], "the only web port"),
        ([(one.name, port) for one in exposed for port in one.ports], "the only exposed port"),
        ([(one.name, port) for one in plain for port in one.ports], "the only port of a Service"),
        ([(one.name, port) for one in services for port in one.ports], "the only port of a headless Service"),
    ):
        if len(group) == 1:
            name, port = group[0]
            note = f"entry: Service {name}, port {port['port']}, path /: {why}"
            return Chosen(Entry(name, port["port"], "/"), (note,))
        if group:
            return Chosen(
                None, problems=(_ambiguous([f"{name}, port {port['port']}" for name, port in group]),)
            )
    what = "the manifests have no Service with a port: nothing of them can be reached"
    return Chosen(
        None, problems=(Problem(where=_WHERE, what=what, cure="add a Service for what people visit"),)
    )


def _ambiguous(candidates: list[str]) -> Problem:
    shown = "; ".join(candidates[:_MOST_SHOWN]) + ("; …" if len(candidates) > _MOST_SHOWN else "")
    what = "no Ingress says which Service people visit, and several could be it"
    return Problem(where=_WHERE, what=what, cure=f"set entry.service and entry.port to one of: {shown}")


def _checked(entry: Entry, services: Sequence[_Service], where: str, notes: tuple[str, ...]) -> Chosen:
    named = [service for service in services if service.name == entry.service]
    if not named:
        names = ", ".join(sorted(service.name for service in services)) or "none"
        what = f"the entry's Service {entry.service!r} is not among the objects"
        return Chosen(None, notes, (Problem(where=where, what=what, cure=f"there are: {names}"),))
    ports = named[0].ports
    if not any(entry.port in (port["port"], port.get("name")) for port in ports):
        known = ", ".join(str(port.get("name") or port["port"]) for port in ports) or "none"
        what = f"the Service {entry.service!r} has no port {entry.port}"
        return Chosen(None, notes, (Problem(where=where, what=what, cure=f"its ports are: {known}"),))
    return Chosen(entry, notes)


def _service(obj: Object) -> _Service | None:
    """None for what is not a Service, or one that only stands for a name elsewhere."""
    spec = as_mapping(obj.get("spec"))
    if (obj["apiVersion"], obj["kind"]) != ("v1", "Service") or spec.get("type") == "ExternalName":
        return None
    ports = spec.get("ports")
    return _Service(
        name=obj["metadata"]["name"],
        ports=tuple(port for port in (ports if isinstance(ports, list) else ()) if _is_tcp(port)),
        is_exposed=spec.get("type") in ("LoadBalancer", "NodePort"),
        is_headless=spec.get("clusterIP") == "None",
    )


def _is_tcp(port: Any) -> bool:
    return (
        isinstance(port, dict) and isinstance(port.get("port"), int) and port.get("protocol", "TCP") == "TCP"
    )


def _web_rank(port: Object) -> int | None:
    """How much a port looks like HTTP, 0 the most; None for not at all."""
    protocol, name, number = str(port.get("appProtocol") or ""), str(port.get("name") or ""), port["port"]
    if name in _WEB_NAMES[:2] or number == _HTTP_PORT:
        return 0
    if protocol:
        return 1 if "http" in protocol or "ws" in protocol else None
    # A name says more than a number: `grpc` on 8080 is no web page.
    if name.partition("-")[0] in _WEB_NAMES:
        return 1
    return 2 if number in _WEB_PORTS and not name.startswith(_OTHER_NAMES) else None
