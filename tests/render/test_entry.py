"""Where requests enter: said outright, read from an Ingress or HTTPRoute, or the one Service that fits."""

from __future__ import annotations

from typing import Any

import pytest

from kubepreview.render import entry, routes
from kubepreview.render.entry import Chosen
from kubepreview.render.manifests import Manifest
from kubepreview.render.sources import Entry

from .manifests import deployment, of, service


def _choose(*manifests: Manifest, explicit: Entry | None = None, baseline: str = "") -> Chosen:
    change, found = routes.taken_out(manifests)
    return entry.choose(explicit, found, change.manifests, baseline)


def _ingress(*rules: tuple[str, str, str, int | str], name: str = "web") -> Manifest:
    def backend(to: str, port: int | str) -> dict[str, Any]:
        return {"service": {"name": to, "port": {"number" if isinstance(port, int) else "name": port}}}

    spec = [
        {"host": host, "http": {"paths": [{"path": path, "backend": backend(to, port)}]}}
        for host, path, to, port in rules
    ]
    return of("Ingress", name, "networking.k8s.io/v1", spec={"rules": spec})


def test_an_ingress_is_read_and_taken_out() -> None:
    """Its Service, port and path become the entry; the object is not applied."""
    ingress = _ingress(("shop.example.com", "/", "web", "http"))
    change, found = routes.taken_out([service("web", {"port": 80, "name": "http"}), ingress])
    chosen = entry.choose(None, found, change.manifests, "")

    assert [one.title for one in change.manifests] == ["Service/web"]
    assert change.notes == ("Ingress/web: left out; the preview's route is written by kubepreview",)
    assert chosen.entry == Entry("web", "http", "/")
    assert chosen.notes == ("entry: Service web, port http, path /, from Ingress/web",)


def test_the_rule_of_the_baselines_host_counts() -> None:
    """Other hosts of the same manifests are noted, not routed."""
    ingress = _ingress(("admin.example.com", "/", "admin", 80), ("shop.example.com", "/", "web", 80))
    chosen = _choose(service("web"), service("admin"), ingress, baseline="shop.example.com")

    assert chosen.entry == Entry("web", 80, "/")
    assert chosen.notes[1:] == (
        "Ingress/web: admin.example.com/ → Service admin, port 80 is not routed; a preview has one entry",
    )


def test_several_hosts_and_none_of_the_baseline_are_a_problem() -> None:
    """The cure lists what could be named."""
    (problem,) = _choose(
        service("web"),
        service("admin"),
        _ingress(("a.example.com", "/", "web", 80), ("b.example.com", "/", "admin", 80)),
    ).problems

    assert problem.what == "the manifests route several hosts"
    assert "a.example.com/ → Service web, port 80; b.example.com/ → Service admin, port 80" in problem.cure


def test_the_root_path_leads_and_other_paths_are_noted() -> None:
    """One entry means one Service; an author hears what is not served."""
    ingress = _ingress(("", "/api", "api", 80), ("", "/", "web", 80))
    chosen = _choose(service("web"), service("api"), ingress)

    assert chosen.entry == Entry("web", 80, "/")
    assert "Ingress/web: /api → Service api, port 80 is not routed; a preview has one entry" in chosen.notes


def test_a_path_that_is_a_pattern_is_not_asked_for() -> None:
    """`/(.*)` is a rule of one ingress controller; `/` is what people open."""
    assert _choose(service("web"), _ingress(("", "/shop(/|$)(.*)", "web", 80))).entry == Entry("web", 80, "/")
    assert _choose(service("web"), _ingress(("", "/shop", "web", 80))).entry == Entry("web", 80, "/shop")


def test_a_default_backend_and_the_old_spelling_are_read() -> None:
    """Ingress without rules, and networking.k8s.io/v1beta1."""
    default = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    assert _choose(service(), of("Ingress", api_version="networking.k8s.io/v1", spec=default)).entry == Entry(
        "web", 80
    )
    path = {"path": "/", "backend": {"serviceName": "web", "servicePort": 80}}
    old = of("Ingress", api_version="extensions/v1beta1", spec={"rules": [{"http": {"paths": [path]}}]})
    assert _choose(service(), old).entry == Entry("web", 80)


def test_an_http_route_is_read_like_an_ingress() -> None:
    """Gateway API, with a hostname and a path."""
    rules = [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/a"}}],
            "backendRefs": [{"name": "web", "port": 80}],
        }
    ]
    route = of(
        "HTTPRoute", api_version="gateway.networking.k8s.io/v1", spec={"hostnames": ["x"], "rules": rules}
    )
    change, _ = routes.taken_out([service(), route])

    assert _choose(service(), route).entry == Entry("web", 80, "/a")
    assert [one.title for one in change.manifests] == ["Service/web"]


_EXTERNAL = {"type": "LoadBalancer"}


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ([service("web")], Entry("web", 80)),
        ([service("web"), service("db", {"port": 5432})], Entry("web", 80)),
        ([service("web"), service("front", **_EXTERNAL)], Entry("front", 80)),
        ([service("db", {"port": 5432}), service("web", {"port": 1234, "name": "http"})], Entry("web", 1234)),
        (
            [service("web", {"port": 9000, "name": "http-admin"}, {"port": 80, "name": "http"})],
            Entry("web", 80),
        ),
        (
            [service("web", {"port": 8080, "name": "grpc"}, {"port": 9999, "appProtocol": "http"})],
            Entry("web", 9999),
        ),
        ([service("only", {"port": 7}), service("h", {"port": 7}, clusterIP="None")], Entry("only", 7)),
        ([service("web", {"port": 80}, {"port": 80, "protocol": "UDP"})], Entry("web", 80)),
        ([service("web"), service("else", type="ExternalName")], Entry("web", 80)),
    ],
)
def test_without_a_route_the_one_service_that_fits_is_taken(
    services: list[Manifest], expected: Entry
) -> None:
    """Exposed before inside, web ports before others; and a note says why."""
    chosen = _choose(*services)

    assert chosen.entry == expected
    assert chosen.notes[0].startswith(
        f"entry: Service {expected.service}, port {expected.port}, path /: the only"
    )


def test_several_services_that_fit_are_a_problem() -> None:
    """Guessing would show the wrong one; the cure lists them."""
    (problem,) = _choose(service("a"), service("b"), service("db", {"port": 5432})).problems

    assert problem.where == "preview.yml: entry"
    assert problem.cure == "set entry.service and entry.port to one of: a, port 80; b, port 80"


def test_without_a_service_there_is_nothing_to_visit() -> None:
    """A worker alone cannot be previewed."""
    (problem,) = _choose(deployment()).problems

    assert "have no Service with a port" in problem.what


@pytest.mark.parametrize(
    ("explicit", "words"),
    [
        (Entry("wbe", 80), "the entry's Service 'wbe' is not among the objects"),
        (Entry("web", 8080), "the Service 'web' has no port 8080"),
        (Entry("web", "https"), "the Service 'web' has no port https"),
    ],
)
def test_an_entry_that_names_nothing_is_a_problem(explicit: Entry, words: str) -> None:
    """With what there is instead."""
    (problem,) = _choose(service("web", {"port": 80, "name": "http"}), explicit=explicit).problems

    assert problem.what == words
    assert problem.cure in ("there are: web", "its ports are: http")


def test_an_explicit_entry_wins_over_every_route() -> None:
    """What preview.yml says is what is meant."""
    ingress = _ingress(("", "/", "web", 80))
    chosen = _choose(service("web"), service("api"), ingress, explicit=Entry("api", 80, "/healthz"))

    assert chosen == Chosen(Entry("api", 80, "/healthz"))
