"""The CRDs are structural, and say what the model says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubepreview.core import crd


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _nodes(child)


def test_nothing_is_left_that_a_structural_schema_may_not_have() -> None:
    """No references, unions or definitions remain in what the apiserver is given."""
    for definition in crd.custom_resource_definitions():
        for node in _nodes(definition["spec"]["versions"][0]["schema"]):
            assert not {"$ref", "$defs", "anyOf", "const"} & set(node)
            assert "enum" not in node or "type" in node


def test_every_fencing_rule_begins_with_the_word_that_the_command_line_looks_for() -> None:
    """A late writer is told apart from a bad one by one word."""
    preview = crd.custom_resource_definitions()[1]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    rules = preview["properties"]["spec"]["x-kubernetes-validations"]

    fencing = [rule["message"] for rule in rules if "observedAt >" in rule["rule"]]

    assert [message.startswith(crd.FENCED) for message in fencing] == [True, True]
