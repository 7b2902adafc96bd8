"""Branches and pull requests: as they are read, and as their authors change them."""

from __future__ import annotations

import copy
from typing import Any, Final, Literal

from standin import description
from standin.api import Asked, Operation, Reply, moment
from standin.describe import REPO
from standin.faults import NOT_FOUND
from standin.world import PullRequest, World

_BRANCH: Final = "refs/heads/"
_INVALID: Final = {"documentation_url": "https://docs.github.com/rest", "status": "422"}


def _pull(world: World, asked: Asked) -> Reply:
    name, number = asked.repository, asked.number("pull_number")
    if name in world.moved:
        to = f"{world.moved[name]}/pulls/{number}"
        # Repositories are renamed.
        return Reply(301, {"message": "Moved Permanently", "url": to}, to, undescribed=True)
    found = world.pulls.get((name, number))
    if found is None or found.is_deleted:
        return Reply(404, NOT_FOUND)
    return Reply(200, _pull_body(name, number, found))


def _pulls(world: World, asked: Asked) -> Reply:
    """Those that are open; the newest first, as GitHub does if it is not told otherwise."""
    assert asked.query.get("state", "open") == "open"
    found = [
        _listed_body(name, number, each)
        for (name, number), each in sorted(world.pulls.items(), key=lambda pair: -pair[0][1])
        if name == asked.repository and each.state == "open" and not each.is_deleted
    ]
    return asked.page_of(found)


def _files(world: World, asked: Asked) -> Reply:
    found = world.pulls.get((asked.repository, asked.number("pull_number")))
    if found is None:
        return Reply(404, NOT_FOUND, undescribed=True)
    example = description.example("diff-entry-items", asked.repository)
    return asked.page_of([example | {"filename": path} for path in found.files])


def _create_branch(world: World, asked: Asked) -> Reply:
    branch = asked.body["ref"].removeprefix(_BRANCH)
    if (asked.repository, branch) in world.branches:
        return Reply(422, {**_INVALID, "message": "Reference already exists"})
    world.branches[asked.repository, branch] = asked.body["sha"]
    return Reply(201, _branch_body(world, asked.repository, branch))


def _push(world: World, asked: Asked) -> Reply:
    """The branch is at another commit, and so is whatever pull request asks for it."""
    branch = asked.parameters["ref"].removeprefix("heads/")
    if (asked.repository, branch) not in world.branches:
        return Reply(422, {**_INVALID, "message": "Reference does not exist"})
    for number in world.push(asked.repository, branch, asked.body["sha"]):
        world.tell("pull_request.synchronize", asked.repository, number)
    return Reply(200, _branch_body(world, asked.repository, branch))


def turn(world: World, name: str, number: int, state: Literal["open", "closed"]) -> None:
    """A pull request is closed by its author, or reopened."""
    if state == "open":
        before = world.pulls[name, number]
        head = world.branches.get((name, before.head_branch), before.head)
        world.open(name, number, world.whole_second(), head=head)
        world.tell("pull_request.reopened", name, number)
    else:
        world.close(name, number, world.whole_second())
        world.tell("pull_request.closed", name, number)


def _branch_body(world: World, repository: str, branch: str) -> dict[str, Any]:
    sha, git = world.branches[repository, branch], f"https://api.github.com/repos/{repository}/git"
    commit = {"type": "commit", "sha": sha, "url": f"{git}/commits/{sha}"}
    ref = f"{_BRANCH}{branch}"
    return description.example("git-ref") | {"ref": ref, "url": f"{git}/{ref}", "object": commit}


def _propose(world: World, asked: Asked) -> Reply:
    head, base = asked.body["head"], asked.body["base"]
    missing = [each for each in (head, base) if (asked.repository, each) not in world.branches]
    if missing:
        return Reply(422, {**_INVALID, "message": f"Validation Failed: no branch {missing[0]}"})
    number = world.propose(asked.repository, head, base, title=asked.body["title"], author=asked.who.login)
    world.tell("pull_request.opened", asked.repository, number)
    return Reply(201, _pull_body(asked.repository, number, world.pulls[asked.repository, number]))


def _amend(world: World, asked: Asked) -> Reply:
    """Its title, and whether it is open."""
    name, number = asked.repository, asked.number("pull_number")
    found = world.pulls.get((name, number))
    if found is None:
        return Reply(404, NOT_FOUND, undescribed=True)
    body, at = asked.body or {}, world.whole_second()
    found.title, found.updated_at = body.get("title", found.title), at
    wanted = body.get("state", found.state)
    if wanted != found.state:
        turn(world, name, number, wanted)
    return Reply(200, _pull_body(name, number, world.pulls[name, number]))


def _pull_body(name: str, number: int, pull: PullRequest) -> dict[str, Any]:
    """The description's own example, with the facts of this one."""
    found = description.example("pull-request", name, pulls=number, issues=number)
    found |= _facts(name, number, pull)
    found |= {"merged": pull.is_merged}
    for side in ("base", "head"):
        found[side] = _side(found[side], side, name, pull)
    return found


def _listed_body(name: str, number: int, pull: PullRequest) -> dict[str, Any]:
    """As it stands in a list, which says less of each."""
    found = description.example("pull-request-simple-items", name, pulls=number, issues=number)
    found |= _facts(name, number, pull)
    for side in ("base", "head"):
        found[side] = _side(found[side], side, name, pull)
    return found


def _facts(name: str, number: int, pull: PullRequest) -> dict[str, Any]:
    at = moment(pull.updated_at)
    user = description.example("pull-request")["user"]
    label = description.example("pull-request")["labels"][0]
    return {
        "number": number,
        "state": pull.state,
        "title": pull.title,
        "draft": pull.is_draft,
        "user": {**user, "login": pull.author},
        "labels": [{**label, "name": each} for each in pull.labels],
        "html_url": f"https://github.com/{name}/pull/{number}",
        "closed_at": at if pull.state == "closed" else None,
        "merged_at": at if pull.is_merged else None,
        "updated_at": at,
        # Left out: of a team the example lacks what the description itself requires.
        "requested_teams": [],
    }


def _side(example: dict[str, Any], side: str, name: str, pull: PullRequest) -> dict[str, Any]:
    """Where it comes from, or goes to."""
    found = copy.deepcopy(example)
    is_head = side == "head"
    found["repo"]["full_name"] = (pull.head_repository if is_head else "") or name
    if is_head:
        found["sha"] = pull.head
    else:
        found["ref"] = pull.base
    return found


_PULLS: Final = f"{REPO}/pulls"
_PULL: Final = f"{_PULLS}/{{pull_number}}"
_BRANCHES: Final = f"{REPO}/git/refs"
OPERATIONS: Final = (
    Operation("GET", _PULLS, "pull_requests:read", _pulls),
    Operation("POST", _PULLS, "pull_requests:write", _propose),
    Operation("GET", _PULL, "pull_requests:read", _pull),
    Operation("PATCH", _PULL, "pull_requests:write", _amend),
    Operation("GET", f"{_PULL}/files", "pull_requests:read", _files),
    Operation("POST", _BRANCHES, "contents:write", _create_branch),
    Operation("PATCH", f"{_BRANCHES}/{{ref}}", "contents:write", _push),
)
