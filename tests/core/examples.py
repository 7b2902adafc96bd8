"""Ordinary values that the tests of the pure room start from."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from kubepreview.core.acceptance import Accepted, accept
from kubepreview.core.model import Preview
from kubepreview.core.project_spec import PreviewProject
from kubepreview.core.wanted import Wanted, wanted
from kubepreview.core.wire import Object

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SHA = "a" * 40
OLD_SHA = "b" * 40
UID = "11111111-2222-3333-4444-555555555555"
IMAGE = "registry.example.com/web@sha256:" + "c" * 64


def deployment(name: str = "web", image: str = IMAGE) -> Object:
    """A Deployment of one container."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    }


def service(name: str = "web") -> Object:
    """A Service with one port."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def config_map(name: str, **data: str) -> Object:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def project(**spec: Any) -> PreviewProject:
    """The reference project; `spec` replaces fields, in the wire's spelling."""
    return msgspec.convert(
        {
            "metadata": {"name": "rapidrar", "namespace": "rapidrar-previews"},
            "spec": {
                "repository": "acme/rapidrar",
                "namespacePattern": "rapidrar-pr-{number}",
                "hostPattern": "pr-{number}.rapidrar.example.com",
                "baseline": {"namespace": "rapidrar-staging", "host": "rapidrar.example.com"},
                "route": {"ingressClassName": "traefik", "ingressNamespace": "traefik"},
                "revisionPath": "/version",
                **spec,
            },
        },
        PreviewProject,
    )


def preview(*manifests: Object, status: Object | None = None, **spec: Any) -> Preview:
    """The preview of pull request 7; `spec` replaces fields, in the wire's spelling."""
    return msgspec.convert(
        {
            "metadata": {"name": "pr-7", "namespace": "rapidrar-previews", "uid": UID, "generation": 1},
            "spec": {
                "project": "rapidrar",
                "pullRequest": {"number": 7, "author": "ada"},
                "revision": {"sha": SHA, "observedAt": "2026-01-02T03:04:05Z"},
                "entry": {"service": "web", "port": 80},
                "manifests": list(manifests) or [deployment(), service()],
                **spec,
            },
            "status": status or {},
        },
        Preview,
    )


def asked(of: Preview | None = None, by: PreviewProject | None = None, *, is_asleep: bool = False) -> Wanted:
    """What an accepted preview asks for."""
    of, by = of or preview(), by or project()
    verdict = accept(of, by)
    assert isinstance(verdict, Accepted), verdict
    return wanted(verdict.project, of, verdict.entry, is_asleep=is_asleep)
