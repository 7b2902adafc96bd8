"""Documents → manifests: Kubernetes objects that are what they say, each with its place in the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from kubepreview.core.wire import Object
from kubepreview.errors import Problem
from kubepreview.render import fields
from kubepreview.render.documents import Document


class Manifest(Struct, frozen=True, kw_only=True):
    """One object, and where it is written."""

    object: Object
    where: str

    @property
    def title(self) -> str:
        """``Deployment/web``."""
        return f"{self.object['kind']}/{self.object['metadata']['name']}"

    @property
    def identity(self) -> tuple[str, str, str]:
        """What no two objects of one namespace share."""
        group = self.object["apiVersion"].rpartition("/")[0]
        return group, self.object["kind"], self.object["metadata"]["name"]

    def problem(self, what: str, cure: str = "") -> Problem:
        """Something wrong with this object."""
        return Problem(where=self.where, what=f"{self.title} {what}", cure=cure)


class Change(Struct, frozen=True):
    """What one step made of the manifests, what it did in words, and what it found wrong."""

    manifests: tuple[Manifest, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def manifests_of(document: Document, problems: list[Problem]) -> Iterator[Manifest]:
    """The objects of a document; a List stands for its items. Faults are added to `problems`."""
    yield from _manifests(document.value, document, (), problems)


def duplicates(manifests: Iterable[Manifest]) -> list[Problem]:
    """A problem for each object that another one of the same kind and name came before."""
    first: dict[tuple[str, str, str], Manifest] = {}
    problems = []
    for manifest in manifests:
        known = first.setdefault(manifest.identity, manifest)
        if known is not manifest:
            problems.append(manifest.problem(f"is defined twice, first in {known.where}", "keep one of them"))
    return problems


def _manifests(
    value: Any, document: Document, path: tuple[str | int, ...], problems: list[Problem]
) -> Iterator[Manifest]:
    where = document.at(*path)
    if not isinstance(value, dict):
        what = f"is a {_type(value)}, not a Kubernetes object"
        problems.append(Problem(where=where, what=what, cure="write apiVersion, kind and metadata"))
    elif str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
        for index, item in enumerate(value["items"]):
            yield from _manifests(item, document, (*path, "items", index), problems)
    else:
        found = list(_faults(value, document, path))
        problems.extend(found)
        if not found:
            yield Manifest(object=value, where=where)


def _faults(value: Object, document: Document, path: tuple[str | int, ...]) -> Iterator[Problem]:
    for key in ("apiVersion", "kind"):
        if not (isinstance(value.get(key), str) and value[key]):
            yield Problem(
                where=document.at(*path, key), what=f"has no {key}", cure=f"write {key} as a string"
            )
            return
    title = value["kind"]
    # Flux has a kind of this name, too, which is an object.
    if title == "Kustomization" and value["apiVersion"].startswith("kustomize.config.k8s.io/"):
        cure = "render the folder with kustomize, or name the files"
        yield Problem(where=document.at(*path), what="is a kustomization, not an object", cure=cure)
        return
    yield from _metadata_faults(value, document, path)
    for name, cure in fields.unknown(value["apiVersion"], title, list(value)):
        yield Problem(where=document.at(*path, name), what=f"{title} has no field {name!r}", cure=cure)


def _metadata_faults(value: Object, document: Document, path: tuple[str | int, ...]) -> Iterator[Problem]:
    kind, metadata = value["kind"], value.get("metadata")
    place = document.at(*path, "metadata")
    if not isinstance(metadata, dict):
        yield Problem(where=place, what=f"{kind} has no metadata", cure="write metadata.name")
        return
    if "generateName" in metadata:
        what = f"{kind} has generateName: each rendering would make another object"
        yield Problem(where=document.at(*path, "metadata", "generateName"), what=what, cure="write name")
    for key, may_be_empty in (("name", "generateName" in metadata), ("namespace", True)):
        text = metadata.get(key)
        if not (isinstance(text, str) and text) and not (may_be_empty and text in (None, "")):
            what = f"metadata.{key} of {kind} is {_shown(text)}, not a string"
            yield Problem(where=document.at(*path, "metadata", key), what=what, cure="write it in quotes")
    for key in ("labels", "annotations"):
        for name, text in _items(metadata.get(key)):
            if not isinstance(text, str):
                what = f"metadata.{key}: {name} of {kind} is {_shown(text)}, not a string"
                spot = document.at(*path, "metadata", key, name)
                yield Problem(where=spot, what=what, cure="write it in quotes")


def _items(value: Any) -> list[tuple[str, Any]]:
    """The entries of a mapping; anything else but nothing counts as one entry that is wrong."""
    if isinstance(value, dict):
        return list(value.items())
    return [] if value is None else [("all", value)]


def _type(value: Any) -> str:
    names: dict[type, str] = {
        list: "list",
        str: "string",
        bool: "truth value",
        int: "number",
        float: "number",
    }
    return names.get(type(value), "null")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        "missing" if value is None else repr(value) if not isinstance(value, (dict, list)) else _type(value)
    )
