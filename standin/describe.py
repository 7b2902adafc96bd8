"""Cuts GitHub's own descriptions of its API and its webhooks down to what is used here.

    npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz
    python -m standin.describe package/generated/api.github.com.json

writes `description.json` beside this file, and

    npm pack @octokit/openapi-webhooks@12.1.0 && tar xzf octokit-openapi-webhooks-12.1.0.tgz
    npm pack @octokit/webhooks-examples@7.6.1 && tar xzf octokit-webhooks-examples-7.6.1.tgz
    python -m standin.describe package/generated/api.github.com.json package/api.github.com/index.json

writes `webhooks.json`, with an example of each. All are GitHub's, published under the MIT licence.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

DESCRIPTION: Final = Path(__file__).with_name("description.json")
WEBHOOKS: Final = Path(__file__).with_name("webhooks.json")
REPO: Final = "/repos/{owner}/{repo}"
USED: Final = (
    ("get", f"{REPO}/pulls"),
    ("get", f"{REPO}/pulls/{{pull_number}}"),
    ("get", f"{REPO}/pulls/{{pull_number}}/files"),
    ("post", f"{REPO}/pulls"),
    ("patch", f"{REPO}/pulls/{{pull_number}}"),
    ("post", f"{REPO}/git/refs"),
    ("patch", f"{REPO}/git/refs/{{ref}}"),
    ("get", f"{REPO}/issues/{{issue_number}}"),
    ("get", f"{REPO}/issues/{{issue_number}}/comments"),
    ("post", f"{REPO}/issues/{{issue_number}}/comments"),
    ("patch", f"{REPO}/issues/comments/{{comment_id}}"),
    ("delete", f"{REPO}/issues/comments/{{comment_id}}"),
    ("get", f"{REPO}/issues/comments"),
    ("get", f"{REPO}/collaborators/{{username}}/permission"),
    ("get", f"{REPO}/deployments"),
    ("post", f"{REPO}/deployments"),
    ("post", f"{REPO}/deployments/{{deployment_id}}/statuses"),
    ("get", f"{REPO}/commits/{{ref}}/check-runs"),
    ("post", f"{REPO}/check-runs"),
    ("patch", f"{REPO}/check-runs/{{check_run_id}}"),
    ("get", "/user"),
    ("get", f"{REPO}/installation"),
    ("post", "/app/installations/{installation_id}/access_tokens"),
)
HEARD: Final = (
    *(
        ("pull_request", action)
        for action in (
            *("opened", "synchronize", "reopened", "closed", "labeled", "unlabeled"),
            *("ready_for_review", "converted_to_draft"),
        )
    ),
    ("issue_comment", "created"),
)
# Prose, which is neither checked nor needed.
_LEFT_OUT: Final = frozenset({"description", "summary", "externalDocs", "x-github"})


def cut(whole: dict[str, Any]) -> dict[str, Any]:
    """The operations that are used, and every component that they refer to, to the last."""
    paths: dict[str, Any] = {}
    for method, path in USED:
        paths.setdefault(path, {})[method] = _bare(whole["paths"][path][method])
    components: dict[str, dict[str, Any]] = {}
    todo = list(_references(paths))
    while todo:
        _, _, kind, name = todo.pop().split("/", 3)
        if name not in components.setdefault(kind, {}):
            found = whole["components"][kind][name]
            # An example is data: what looks like prose there is what GitHub would answer.
            components[kind][name] = found if kind == "examples" else _bare(found)
            todo += _references(components[kind][name])
    info = {key: whole["info"][key] for key in ("title", "version", "license")}
    return {"openapi": whole["openapi"], "info": info, "paths": paths, "components": components}


def cut_webhooks(whole: dict[str, Any], examples: list[dict[str, Any]]) -> dict[str, Any]:
    """The schema of each delivery that is heard, and one that GitHub has published."""
    schemas: dict[str, Any] = {}
    todo: list[str] = []
    for event, action in HEARD:
        name = f"{event}-{action}".replace("_", "-")
        body = whole["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
        schemas[f"{event}.{action}"] = body
        todo += _references(body)
    components: dict[str, Any] = {}
    while todo:
        name = todo.pop().rpartition("/")[2]
        if name not in components:
            components[name] = _bare(whole["components"]["schemas"][name])
            todo += _references(components[name])
    return {
        "schemas": schemas,
        "components": {"schemas": components},
        "examples": {f"{event}.{action}": _example(examples, event, action) for event, action in HEARD},
    }


def _example(examples: list[dict[str, Any]], event: str, action: str) -> Any:
    (listed,) = (each["examples"] for each in examples if each["name"] == event)
    return next(each for each in listed if each["action"] == action)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _bare(node: Any) -> Any:
    if isinstance(node, dict):
        # A property may bear the name of a piece of prose, and is an object then.
        kept = {k: v for k, v in node.items() if not (k in _LEFT_OUT and not _is_schema(k, v))}
        return {key: _bare(value) for key, value in kept.items()}
    return [_bare(value) for value in node] if isinstance(node, list) else node


def _is_schema(key: str, value: Any) -> bool:
    return key == "description" and isinstance(value, dict)


if __name__ == "__main__":
    read = [json.loads(Path(each).read_text()) for each in sys.argv[1:]]
    target, made = (WEBHOOKS, cut_webhooks) if len(read) > 1 else (DESCRIPTION, cut)
    target.write_text(json.dumps(made(*read), sort_keys=True) + "\n")
