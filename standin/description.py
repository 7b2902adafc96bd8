"""GitHub's own description of the API, as schemas that a request and an answer are held against."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from standin.describe import DESCRIPTION

_REPOSITORY = re.compile(r"https://api\.github\.com/repos/[\w.-]+/[\w.-]+")

# What is no name in Python.
_PLACES = {"issues_comments": "issues/comments", "check_runs": "check-runs"}


class Contradiction(AssertionError):
    """Something was said that the description does not allow."""


def example(name: str, repository: str = "", **ids: int) -> dict[str, Any]:
    """One of the description's own examples, to be changed at will; the first, where it is a list.

    Its addresses are made those of this repository, and of these numbers of what is in it (`pulls=7`).
    """
    found = _description()["components"]["examples"][name]["value"]
    text = json.dumps(found[0] if isinstance(found, list) else found)
    if repository:
        text = _REPOSITORY.sub(f"https://api.github.com/repos/{repository}", text)
    for kind, number in ids.items():
        place = _PLACES.get(kind, kind)
        text = re.sub(rf"(/{place})/[0-9]+", rf"\1/{number}", text)
    moved: dict[str, Any] = json.loads(text)
    return moved


def check_request(
    method: str, template: str, parameters: Mapping[str, str], query: Mapping[str, str], body: Any
) -> None:
    """The operation exists; its parameters and its body are there and well formed, and nothing else is."""
    operation = _operation(method, template)
    known = [_resolved(each) for each in operation.get("parameters", ())]
    for each in known:
        given = parameters if each["in"] == "path" else query
        if each["name"] not in given and not each.get("required"):
            continue
        value: Any = given[each["name"]]
        if each["schema"]["type"] == "integer":
            value = int(value)
        _hold(each["schema"], value, f"parameter {each['name']} of {method} {template}")
    if unknown := set(query) - {each["name"] for each in known}:
        raise Contradiction(f"{method} {template} has no parameters {sorted(unknown)}")
    if (body is not None) != ("requestBody" in operation):
        raise Contradiction(f"{method} {template} came {'without' if body is None else 'with'} a body")
    if body is not None:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        _hold(schema, body, f"the body of {method} {template}")


def check_answer(method: str, template: str, code: int, body: Any) -> None:
    """The operation may answer so, and the body is as it says."""
    answers = _operation(method, template)["responses"]
    if str(code) not in answers:
        raise Contradiction(f"{method} {template} never answers {code}, but {sorted(answers)}")
    content = _resolved(answers[str(code)]).get("content", {})
    if "application/json" in content:
        _hold(content["application/json"]["schema"], body, f"the answer {code} of {method} {template}")


def _operation(method: str, template: str) -> dict[str, Any]:
    found: dict[str, Any] = _description()["paths"].get(template, {}).get(method.lower())
    if found is None:
        raise Contradiction(f"there is no {method} {template}")
    return found


def _hold(schema: Mapping[str, Any], value: Any, what: str) -> None:
    problems = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message}"
        for error in _validator(json.dumps(schema)).iter_errors(value)
    ]
    if problems:
        raise Contradiction(f"{what}: {'; '.join(problems)}")


@cache
def _validator(schema: str) -> jsonschema_rs.Draft4Validator:
    """Of a schema as JSON. There are some dozens, and each takes a tenth of a second to make."""
    return jsonschema_rs.Draft4Validator({**_plain(json.loads(schema)), "components": _components()})


@cache
def _components() -> Any:
    return _plain(_description()["components"])


def _plain(node: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type or an alternative."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value) for key, value in node.items() if key != "examples"}
    if plain.pop("nullable", False) is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = _description()
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    resolved: dict[str, Any] = found
    return resolved


@cache
def _description() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return found
