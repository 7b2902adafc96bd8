"""Addresses inside of values: the baseline's host becomes the preview's, own Services lose their namespace.

Only whole names count: `shop.example.com` is not found in `api.shop.example.com` or `shop.example.com.au`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from kubepreview.core.kinds import as_list, as_mapping, pod_template
from kubepreview.core.wire import Object
from kubepreview.render.manifests import Change, Manifest

# What may stand beside a host name and would make it another one.
_BEFORE = r"(?<![A-Za-z0-9.-])"
_AFTER = r"(?![A-Za-z0-9-]|\.[A-Za-z0-9])"


class Renaming(Struct, frozen=True):
    """A pattern of whole names, and what takes their place."""

    pattern: re.Pattern[str]
    new: str


def of_host(old: str, new: str) -> list[Renaming]:
    """The baseline's host → the preview's."""
    if not old or old == new:
        return []
    return [Renaming(re.compile(_BEFORE + re.escape(old) + _AFTER), new)]


def of_services(manifests: Sequence[Manifest], namespaces: frozenset[str]) -> list[Renaming]:
    """``db.shop-staging.svc.cluster.local`` → ``db``, for each Service of the preview.

    Left as it is, such an address would lead out of the preview, to the baseline's own database.
    """
    names = sorted(
        manifest.object["metadata"]["name"]
        for manifest in manifests
        if (manifest.object["apiVersion"], manifest.object["kind"]) == ("v1", "Service")
    )
    if not names or not namespaces:
        return []
    services, spaces = ("|".join(map(re.escape, group)) for group in (names, sorted(namespaces)))
    # A dot before it is well: pods of a headless Service are `db-0.db.shop-staging.svc`.
    pattern = rf"(?<![A-Za-z0-9-])({services})\.(?:{spaces})(?:\.svc(?:\.cluster\.local)?)?{_AFTER}"
    return [Renaming(re.compile(pattern), r"\1")]


def renamed(manifests: Sequence[Manifest], renamings: Sequence[Renaming]) -> Change:
    """With each renaming carried out in env values, args, commands and ConfigMaps."""
    changed, notes = [], []
    for manifest in manifests if renamings else ():
        obj = copy.deepcopy(manifest.object)
        done: dict[tuple[str, str], list[str]] = {}
        for holder, key, label in _texts(obj):
            for renaming in renamings:
                holder[key] = _substitute(holder[key], renaming, done, label)
        changed.append(Manifest(object=obj, where=manifest.where) if done else manifest)
        notes += [
            f"{manifest.title}: {old} is now {new} in {', '.join(dict.fromkeys(labels))}"
            for (old, new), labels in sorted(done.items())
        ]
    return Change(tuple(changed) if renamings else tuple(manifests), tuple(notes))


def _substitute(text: str, renaming: Renaming, done: dict[tuple[str, str], list[str]], label: str) -> str:
    def one(found: re.Match[str]) -> str:
        new = found.expand(renaming.new)
        done.setdefault((found[0], new), []).append(label)
        return new

    return renaming.pattern.sub(one, text)


def _texts(obj: Object) -> Iterator[tuple[Any, Any, str]]:
    """Each text that may hold an address: what holds it, its key there, and its name for people."""
    if (obj["apiVersion"], obj["kind"]) == ("v1", "ConfigMap"):
        data = as_mapping(obj.get("data"))
        yield from ((data, key, f"data {key}") for key, value in data.items() if isinstance(value, str))
        return
    spec = as_mapping(as_mapping(pod_template(obj)).get("spec"))
    for group in ("initContainers", "containers"):
        for container in as_list(spec.get(group)):
            yield from _container_texts(as_mapping(container))


def _container_texts(container: Object) -> Iterator[tuple[Any, Any, str]]:
    for entry in as_list(container.get("env")):
        if isinstance(as_mapping(entry).get("value"), str):
            yield entry, "value", f"env {entry.get('name')}"
    for key in ("command", "args"):
        texts = as_list(container.get(key))
        yield from ((texts, index, key) for index, text in enumerate(texts) if isinstance(text, str))
