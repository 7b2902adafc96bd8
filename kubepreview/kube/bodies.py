"""Objects to bytes and back, and the few fields every object has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kubepreview.errors import InvalidInput
from kubepreview.kube.errors import NoAnswer
from kubepreview.kube.resources import Object


def encode(body: object) -> bytes:
    """JSON, as compact as it gets."""
    return msgspec.json.encode(body)


def decode(body: bytes, *, what: str) -> Object:
    """The JSON object an apiserver answers with; NoAnswer if it is anything else."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except ValueError as error:
        said = body[:200].decode(errors="replace")
        raise NoAnswer(f"{what}: answered with no JSON object: {said!r}") from error


def name_of(obj: Mapping[str, Any]) -> str:
    """`metadata.name`, empty when absent."""
    return str((obj.get("metadata") or {}).get("name") or "")


def namespace_of(obj: Mapping[str, Any]) -> str:
    """`metadata.namespace`, empty when absent."""
    return str((obj.get("metadata") or {}).get("namespace") or "")


def placed(obj: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace and name of an object that is to be written; InvalidInput if it has no name."""
    if not (name := name_of(obj)):
        kind = obj.get("kind") or "an object without a kind"
        raise InvalidInput(f"{kind} in namespace {namespace_of(obj) or '(none)'}: has no metadata.name")
    return namespace_of(obj), name


def delete_options(*, uid: str = "", grace_s: int | None = None, propagation: str) -> Object:
    """The body of a DELETE."""
    options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
    if uid:
        options["preconditions"] = {"uid": uid}
    if grace_s is not None:
        options["gracePeriodSeconds"] = grace_s
    return options
