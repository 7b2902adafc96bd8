"""The apiserver judges where a project lets its previews connect as the command line does, word for word."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kubepreview.core import guardrails, keys
from kubepreview.core.egress import Egress, problem
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from tests.core.examples import preview, project
from tests.security.apiserver import said_of

_GOOD = (
    {"cidr": "203.0.113.0/24", "ports": ["443", "53/UDP"]},
    {"cidr": "0.0.0.0/0", "except": ["198.51.100.0/24"]},
    {"cidr": "::/0"},
    {"cidr": "168.0.0.0/5"},
    {"namespace": "payments"},
)
_BAD = (
    {"ports": ["443"]},
    {"cidr": "10.0.0.0/8", "namespace": "payments"},
    {"cidr": "10.0.0.0/99"},
    {"cidr": "169.254.169.254/32"},
    {"cidr": "169.254.0.0/16"},
    {"cidr": "fe80::/64"},
    {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]},
    {"namespace": "payments", "except": ["10.0.0.0/8"]},
)


def _project(egress: object) -> Object:
    spec = msgspec.to_builtins(project().spec) | {"egress": [egress]}
    metadata = {"name": "rapidrar", "namespace": "default"}
    return {"apiVersion": keys.API_VERSION, "kind": "PreviewProject", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("egress", _GOOD, ids=str)
async def test_what_may_be_meant_is_taken(egress: dict[str, Any], admin: Client) -> None:
    """The project, and the guard that is made of it."""
    by = project(egress=[egress]).spec
    (guard,) = (each for each in guardrails.guardrails(by, preview()) if each["kind"] == "NetworkPolicy")
    guard["metadata"]["namespace"] = "default"

    assert problem(msgspec.convert(egress, Egress)) == ""
    assert await said_of(admin, _project(egress)) == ""
    assert await said_of(admin, guard) == ""


@pytest.mark.parametrize("egress", _BAD, ids=str)
async def test_what_cannot_be_meant_is_refused(egress: dict[str, Any], admin: Client) -> None:
    """With the same words."""
    said = problem(msgspec.convert(egress, Egress))

    assert said
    assert said in await said_of(admin, _project(egress))
