"""YAML nodes → values, as kubectl reads them but strict: what could mean two things is refused.

Every fault of a document is told, not only the first.
"""

from __future__ import annotations

import math
from typing import Any

from kubepreview.errors import Problem
from kubepreview.render import scalars
from kubepreview.render.yaml_nodes import Mapping, Node, Scalar, Sequence

_TAG = "tag:yaml.org,2002:"
# What each tag makes of a scalar's text; a timestamp stays text, as it does for kubectl.
_TEXT_TAGS = frozenset({"!", f"{_TAG}str", f"{_TAG}timestamp"})
_TYPED_TAGS: dict[str, tuple[type, ...]] = {
    f"{_TAG}int": (int,),
    f"{_TAG}float": (int, float),
    f"{_TAG}bool": (bool,),
    f"{_TAG}null": (type(None),),
}
_COLLECTION_TAGS = {Sequence: ("", "!", f"{_TAG}seq"), Mapping: ("", "!", f"{_TAG}map")}


def build(node: Node, file: str, problems: list[Problem], *, is_rendered: bool = False) -> Any:
    """The value of a node. Faults are added to `problems`; then the value is not to be used.

    In what a program rendered, the last of two equal keys counts, as it does for Helm: charts have many.
    """
    return _Builder(file, problems, is_rendered=is_rendered).build(node)


class _Builder:
    def __init__(self, file: str, problems: list[Problem], *, is_rendered: bool) -> None:
        self._file = file
        self._problems = problems
        self._is_rendered = is_rendered

    def build(self, node: Node) -> Any:
        if isinstance(node, Scalar):
            return self._scalar(node)
        if node.tag not in _COLLECTION_TAGS[type(node)]:
            self._unknown_tag(node)
        if isinstance(node, Sequence):
            return [self.build(item) for item in node.items]
        return self._mapping(node) if isinstance(node, Mapping) else None

    def _scalar(self, node: Scalar) -> scalars.Value:
        if node.tag in _TEXT_TAGS or not (node.is_plain or node.tag):
            return node.text
        value = scalars.resolve(node.text)
        if isinstance(value, float) and not math.isfinite(value):
            self._add(node, f"{node.text} is not a number that JSON has", "quote it, if it is a word")
        if node.tag in _TYPED_TAGS:
            self._check_type(node, value)
        elif node.tag:
            self._unknown_tag(node)
        return value

    def _check_type(self, node: Scalar, value: scalars.Value) -> None:
        is_truth = isinstance(value, bool) and node.tag != f"{_TAG}bool"
        if is_truth or not isinstance(value, _TYPED_TAGS[node.tag]):
            self._add(node, f"{node.text!r} is not of the type that its tag names", "remove the tag")

    def _mapping(self, node: Mapping) -> dict[str, Any]:
        value: dict[str, Any] = {}
        first_line: dict[str, int] = {}
        for key_node, value_node in node.pairs:
            is_merge = _is_merge(key_node)
            key = "<<" if is_merge else self._key(key_node)
            if key is None:
                continue
            if key in first_line and not self._is_rendered:
                what = f"the key {key!r} is there twice; the first is on line {first_line[key]}"
                self._add(key_node, what, "keep one of them")
                continue
            first_line.setdefault(key, key_node.line)
            if is_merge:
                self._merge(value, key_node, value_node)
            else:
                value[key] = self.build(value_node)
        return value

    def _key(self, node: Node) -> str | None:
        """The key as JSON has it: numbers and truths become their text, as kubectl makes them."""
        key = self._scalar(node) if isinstance(node, Scalar) else None
        if isinstance(key, bool):
            return "true" if key else "false"
        if isinstance(key, (str, int, float)):
            return str(key)
        what = "nothing" if isinstance(node, Scalar) else "a list or mapping"
        self._add(node, f"{what} is no key", "write a string")
        return None

    def _merge(self, into: dict[str, Any], key_node: Node, value_node: Node) -> None:
        """Take the keys that are not there; `into` holds those written before the merge key."""
        sources = value_node.items if isinstance(value_node, Sequence) else [value_node]
        merged: dict[str, Any] = {}
        for source in sources:
            if not isinstance(source, Mapping):
                self._add(key_node, "<< takes a mapping or a list of them", "name an anchor of a mapping")
                return
            # Of several, the first that has the key counts.
            merged = {**self._mapping(source), **merged}
        # YAML lets the key win that is written out; kubectl the one that comes later.
        for key in sorted(into.keys() & merged.keys()):
            what = f"<< brings {key!r} again, and tools differ on which counts"
            self._add(key_node, what, "put << before all other keys")
        into.update(merged)

    def _unknown_tag(self, node: Node) -> None:
        tag = node.tag.removeprefix(_TAG)
        self._add(node, f"the tag {tag!r} has no meaning in a manifest", "remove the tag")

    def _add(self, node: Node, what: str, cure: str) -> None:
        self._problems.append(Problem(where=f"{self._file}:{node.line}", what=what, cure=cure))


def _is_merge(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text == "<<" and (node.is_plain or node.tag == f"{_TAG}merge")
