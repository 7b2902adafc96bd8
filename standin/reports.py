"""Deployments and check runs, which tell of a commit."""

from __future__ import annotations

from typing import Any, Final

from standin import description
from standin.api import Asked, Operation, Reply, app_body
from standin.describe import REPO
from standin.faults import NOT_FOUND
from standin.world import CheckRun, Deployment, World

_RUNS: Final = f"{REPO}/check-runs"
_DEPLOYMENTS: Final = f"{REPO}/deployments"


def _deployments(world: World, asked: Asked) -> Reply:
    found = [
        _deployment_body(each)
        for each in reversed(world.deployments.values())
        if each.repository == asked.repository
        and asked.query.get("sha") in (None, each.body["ref"])
        and all(asked.query.get(name) in (None, each.body[name]) for name in ("environment", "task"))
    ]
    return Reply(200, found)


def _deploy(world: World, asked: Asked) -> Reply:
    one = Deployment(world.next_id(), asked.repository, asked.who, asked.body)
    world.deployments[one.id] = one
    return Reply(201, _deployment_body(one))


def _tell(world: World, asked: Asked) -> Reply:
    found = world.deployments.get(asked.number("deployment_id"))
    if found is None:
        return Reply(404, NOT_FOUND, undescribed=True)
    found.statuses.append(asked.body)
    body = description.example("deployment-status")
    return Reply(201, body | {"id": world.next_id(), "state": asked.body["state"]})


def _deployment_body(one: Deployment) -> dict[str, Any]:
    body = description.example("deployment-simple-example", one.repository, deployments=one.id)
    told = ("ref", "task", "environment", "payload", "transient_environment", "production_environment")
    creator = {**body["creator"], "login": one.author.login, "id": one.author.id}
    facts = {"id": one.id, "sha": one.body["ref"], "creator": creator}
    return body | {name: one.body[name] for name in told if name in one.body} | facts


def _runs(world: World, asked: Asked) -> Reply:
    found = [
        _run_body(each)
        for each in world.check_runs.values()
        if each.repository == asked.repository
        and each.body["head_sha"] == asked.parameters["ref"]
        and asked.query.get("check_name") in (None, each.body["name"])
    ]
    return Reply(200, {"total_count": len(found), "check_runs": found})


def _run(world: World, asked: Asked) -> Reply:
    if asked.who.app is None:
        return Reply(
            403,
            {**NOT_FOUND, "message": "You must authenticate via a GitHub App.", "status": "403"},
            undescribed=True,
        )
    one = CheckRun(world.next_id(), asked.repository, asked.who, dict(asked.body))
    world.check_runs[one.id] = one
    return Reply(201, _run_body(one))


def _rerun(world: World, asked: Asked) -> Reply:
    found = world.check_runs.get(asked.number("check_run_id"))
    if found is None or found.author.app != asked.who.app:
        return Reply(404, NOT_FOUND, undescribed=True)
    found.body.update(asked.body)
    return Reply(200, _run_body(found))


def _run_body(one: CheckRun) -> dict[str, Any]:
    body = description.example("check-run", one.repository, check_runs=one.id)
    assert one.author.app is not None
    output = {**body["output"], **one.body["output"], "annotations_count": 0}
    facts = {name: one.body.get(name) for name in ("name", "head_sha", "external_id", "status", "conclusion")}
    app = app_body(one.author.app, body["app"]["owner"])
    # Of a pull request the example lacks what the description itself requires.
    return body | facts | {"id": one.id, "output": output, "app": app, "pull_requests": []}


OPERATIONS: Final = (
    Operation("GET", _DEPLOYMENTS, "deployments:read", _deployments),
    Operation("POST", _DEPLOYMENTS, "deployments:write", _deploy),
    Operation("POST", f"{_DEPLOYMENTS}/{{deployment_id}}/statuses", "deployments:write", _tell),
    Operation("GET", f"{REPO}/commits/{{ref}}/check-runs", "checks:read", _runs),
    Operation("POST", _RUNS, "checks:write", _run),
    Operation("PATCH", f"{_RUNS}/{{check_run_id}}", "checks:write", _rerun),
)
