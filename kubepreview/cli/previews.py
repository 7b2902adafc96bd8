"""Previews in the cluster, as the commands read them."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from kubepreview.cli.scope import Scope
from kubepreview.core import names
from kubepreview.core.model import Preview
from kubepreview.core.project_spec import PreviewProject
from kubepreview.core.wire import Object
from kubepreview.errors import Failed, NotFound
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PREVIEW_PROJECTS, PREVIEWS

T = TypeVar("T")


async def get_project(client: Client, scope: Scope) -> PreviewProject:
    """The project; NotFound says how to create it."""
    name = scope.required_project()
    found = await client.find(PREVIEW_PROJECTS, name, scope.namespace)
    if found is None:
        raise NotFound(
            f"there is no PreviewProject {scope.namespace}/{name}",
            hint="the platform team creates it with `kubepreview project create`; "
            "--namespace and --project say which is meant",
        )
    return _decoded(found, PreviewProject)


async def get(client: Client, scope: Scope, number: int) -> Object:
    """The Preview as it is on the wire; NotFound says where the others are."""
    found = await client.find(PREVIEWS, names.preview_name(number), scope.namespace)
    if found is None:
        raise missing(scope, number)
    return found


def missing(scope: Scope, number: int) -> NotFound:
    """What is said where the apiserver knows of no such Preview."""
    return NotFound(
        f"there is no preview of pull request {number} in {scope.namespace}",
        hint="`kubepreview list` shows those that are there",
    )


def decode(obj: Object) -> Preview:
    """The Preview, typed."""
    return _decoded(obj, Preview)


def _decoded(obj: Object, kind: type[T]) -> T:
    try:
        return msgspec.convert(obj, kind)
    except msgspec.ValidationError as error:
        where = f"{obj['metadata'].get('namespace')}/{obj['metadata']['name']}"
        raise Failed(
            f"{kind.__name__} {where} is not one that this version understands: {error}",
            hint="use the kubepreview of the same version as the cluster's",
        ) from error


def wire(value: Any) -> Any:
    """A typed value as plain data, the way it goes on the wire."""
    return msgspec.to_builtins(value)
