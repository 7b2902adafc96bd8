"""The ingress controllers people run: how their pods are found, and which of them are no longer kept up.

A new controller is a row. The word is what its IngressClass carries in `spec.controller`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from kubepreview.core.accesslog import Format
from kubepreview.core.ingressmetrics import ENVOY, TRAEFIK, Metrics
from kubepreview.core.wire import Object

_DEFAULT_CLASS: Final = "ingressclass.kubernetes.io/is-default-class"


class Controller(Struct, frozen=True, kw_only=True):
    """One ingress controller: the start of its word, the label of its pods, and why not to use it.

    `access_log`: the format in which its pods tell of visits, where one is known. `metrics`: where they
    count requests, for when they write no such log.
    """

    word: str
    pods: str
    access_log: Format | None = None
    metrics: Metrics | None = None
    retired: str = ""


CONTROLLERS: Final = (
    Controller(
        word="traefik.io/", pods="app.kubernetes.io/name=traefik", access_log="traefik", metrics=TRAEFIK
    ),
    Controller(word="nginx.org/", pods="app.kubernetes.io/name=nginx-ingress"),
    Controller(word="haproxy.org/", pods="app.kubernetes.io/name=kubernetes-ingress"),
    Controller(word="haproxy-ingress.github.io/", pods="app.kubernetes.io/name=haproxy-ingress"),
    # Contour's proxies, which are what connects, run in its namespace.
    Controller(
        word="projectcontour.io/", pods="app.kubernetes.io/name=contour", access_log="envoy", metrics=ENVOY
    ),
    Controller(word="ingress-controllers.konghq.com/", pods="app.kubernetes.io/name=kong"),
    Controller(
        word="k8s.io/ingress-nginx",
        pods="app.kubernetes.io/name=ingress-nginx",
        retired=(
            "kubernetes/ingress-nginx was retired on 2026-03-24: it gets no release and no security fix; "
            "move to a maintained controller (Traefik, NGINX Inc's nginx.org, HAProxy, Contour, Kong) or to "
            "the Gateway API"
        ),
    ),
)


class IngressClass(Struct, frozen=True, kw_only=True):
    """A class of the cluster, and the controller behind it where it is a known one."""

    name: str
    word: str
    is_default: bool = False

    @classmethod
    def of(cls, obj: Object) -> IngressClass:
        """From the object."""
        annotations = obj["metadata"].get("annotations") or {}
        return cls(
            name=obj["metadata"]["name"],
            word=str((obj.get("spec") or {}).get("controller", "")),
            is_default=annotations.get(_DEFAULT_CLASS) == "true",
        )

    @property
    def controller(self) -> Controller | None:
        """The known controller of this class."""
        return next((known for known in CONTROLLERS if self.word.startswith(known.word)), None)


def default_class(classes: Sequence[IngressClass]) -> IngressClass | None:
    """The one that is marked, or the only one; None where neither says which."""
    marked = [each for each in classes if each.is_default]
    candidates = marked or list(classes)
    return candidates[0] if len(candidates) == 1 else None


def address_of(pods: Sequence[Object], services: Sequence[Object]) -> str:
    """host:port inside the cluster of a Service that leads plain HTTP to these pods; empty if none does."""
    for service in services:
        spec, metadata = service.get("spec") or {}, service["metadata"]
        if not any(_selects(spec.get("selector") or {}, pod) for pod in pods):
            continue
        for port in spec.get("ports") or ():
            if port.get("port") == 80:  # noqa: PLR2004 - HTTP
                return f"{metadata['name']}.{metadata['namespace']}.svc:80"
    return ""


def _selects(selector: Mapping[str, str], pod: Object) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
