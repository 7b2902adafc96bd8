"""Requests as an ingress controller counts them in its metrics: each of a preview's, whoever sent it.

For ingresses whose access log cannot be had. A counter tells neither who asked nor when, so that robots count
as visitors; our own requests are known, and taken off. A new controller is a row and a spelling of backends.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from msgspec import Struct

from kubepreview.core.wire import Object

_PORT, _PATH = "prometheus.io/port", "prometheus.io/path"


class Metrics(Struct, frozen=True, kw_only=True):
    """Where the pods of an ingress controller count requests, unless they say otherwise themselves.

    `counter` has the backend in its label `label`, written in a way of its own (`backend`).
    """

    form: Literal["traefik", "envoy"]
    port: int
    path: str
    counter: str
    label: str


TRAEFIK: Final = Metrics(
    form="traefik", port=8080, path="/metrics", counter="traefik_service_requests_total", label="service"
)
ENVOY: Final = Metrics(
    form="envoy",
    port=8002,
    path="/stats/prometheus",
    counter="envoy_cluster_upstream_rq_total",
    label="envoy_cluster_name",
)


def address(metrics: Metrics, pod: Object) -> str:
    """The URL of this pod's metrics: by its annotations, by its port of the name `metrics`, or the usual."""
    annotations = pod["metadata"].get("annotations") or {}
    named = [
        port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
        if port.get("name") == "metrics"
    ]
    port, path = annotations.get(_PORT, ""), annotations.get(_PATH, metrics.path)
    chosen = port if port.isdecimal() else next(iter(named), metrics.port)
    ip = str((pod.get("status") or {}).get("podIP", ""))
    return f"http://[{ip}]:{chosen}{path}" if ":" in ip else f"http://{ip}:{chosen}{path}"


def backend_of(metrics: Metrics, space: str, service: str, port: str) -> str:
    """How the counter names a port, by its name or number, of a Service in this namespace."""
    if metrics.form == "envoy":
        return f"{space}/{service}"
    # As Traefik makes a name of it: whatever is neither letter nor digit is a hyphen.
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{space}-{service}-{port}")


def backend_in(metrics: Metrics, label: str) -> str:
    """The same from the counter's label: ``shop-pr-7-web-80@kubernetes``, ``shop-pr-7/web/80/da39a3ee5e``."""
    if metrics.form == "envoy":
        return "/".join(label.split("/")[:2])
    return label.removesuffix("@kubernetes")


class Tally(Struct, kw_only=True):
    """The requests of one preview: all of them, and those that were our own.

    A visit is a request more than ever before that was not ours. Whatever is not certain counts as one: to
    stay awake for nobody is the smaller fault.
    """

    ours_before: int
    total: float = 0.0
    most: float = 0.0

    def visited(self, more: float, ours: int, *, is_certain: bool) -> bool:
        """Whether somebody was there. `more`: requests since the last look. `ours`: of our own, ever.

        `is_certain`: every counter went on as it was; one that began anew has forgotten some.
        """
        self.total += more
        surplus = self.total - (ours - self.ours_before)
        is_more = surplus > self.most
        self.most = max(surplus, self.most) if is_certain else surplus
        return is_more
