"""What is rendered, and what comes of it: the values at the door of this room."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from kubepreview.core.wire import Object


class Kustomize(Struct, frozen=True):
    """A folder with a kustomization file."""

    path: str


class Helm(Struct, frozen=True):
    """A chart folder, rendered as ``helm template`` would for a first installation.

    `set` has the grammar of ``--set``: dotted keys, ``name[0]`` for lists. In its values, ``{host}`` stands
    for the preview's host and, for each name in `Request.images`, ``{image.<name>}``, ``{repository.<name>}``
    and ``{digest.<name>}`` for its reference and the two parts of it.
    """

    chart: str
    release: str
    values: tuple[str, ...] = ()
    set: Mapping[str, str] = field(default_factory=dict)


class Files(Struct, frozen=True):
    """Plain files, and folders, of which the ``*.yaml``, ``*.yml`` and ``*.json`` count, as for kubectl."""

    paths: tuple[str, ...]


Source = Kustomize | Helm | Files
"""Where manifests come from; every path is relative to the checkout."""


class Entry(Struct, frozen=True):
    """Where requests go: a Service, its port by number or name, and a path that answers when all is well."""

    service: str
    port: int | str
    path: str = "/"


class Request(Struct, frozen=True, kw_only=True):
    """One rendering: which files of which checkout, and what this preview puts into them."""

    root: Path
    """The checkout; nothing outside of it is ever read."""
    source: Source
    images: Mapping[str, str] = field(default_factory=dict)
    """Image name, as the manifests write it, to the reference that takes its place."""
    host: str
    baseline_host: str = ""
    baseline_namespace: str = ""
    keep_daemon_sets: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    entry: Entry | None = None
    """Said outright; left out, it is read from an Ingress, an HTTPRoute, or the Services."""


class Rendered(Struct, frozen=True):
    """The objects in the order in which they are best read, and each change that was made to them."""

    objects: tuple[Object, ...]
    entry: Entry
    notes: tuple[str, ...]
