"""What GitHub delivers by webhook, as it has published it, and held to its own description."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any, Final

import jsonschema_rs

from standin.describe import HEARD, WEBHOOKS

KINDS: Final = tuple(f"{event}.{action}" for event, action in HEARD)
# What GitHub has added to its deliveries since it published the examples.
_SINCE: Final = {"has_discussions": False}


@cache
def delivery(kind: str, repository: str, number: int) -> bytes:
    """A delivery about a pull request, like ``pull_request.opened``; AssertionError if GitHub has no such."""
    body = copy.deepcopy(_webhooks()["examples"][kind])
    body["repository"]["full_name"] = repository
    subject = body.get("pull_request") or body["issue"]
    body["number"] = subject["number"] = number
    _bring_up_to_date(body)
    problems = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:200]}"
        for error in _validator(kind).iter_errors(body)
    ]
    assert not problems, problems
    return json.dumps(body).encode()


def _bring_up_to_date(body: dict[str, Any]) -> None:
    if pull := body.get("pull_request"):
        pull.setdefault("auto_merge", None)
        for side in ("base", "head"):
            pull[side]["repo"] = _SINCE | pull[side]["repo"]
        return
    del body["number"]
    # A pull request's issue says so by this.
    url = body["issue"]["url"]
    body["issue"]["pull_request"] = dict.fromkeys(("url", "html_url", "diff_url", "patch_url"), url)
    names = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    reactions = {"url": url, "total_count": 0, **dict.fromkeys(names, 0)}
    for part in (body["issue"], body["comment"]):
        part.setdefault("reactions", reactions)
        part.setdefault("performed_via_github_app", None)
    body["issue"].setdefault("active_lock_reason", None)
    for label in body["issue"]["labels"]:
        label.setdefault("description", None)


@cache
def _validator(kind: str) -> Any:
    found = _webhooks()
    return jsonschema_rs.Draft202012Validator({**found["schemas"][kind], "components": found["components"]})


@cache
def _webhooks() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(WEBHOOKS.read_text())
    return found
