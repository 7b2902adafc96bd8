"""What the stand-in can be asked, by GitHub's own templates, and what it answers to each."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any, Final

from tests.github import description, reports
from tests.github.api import Asked, Operation, Reply, app_body, moment
from tests.github.faults import NOT_FOUND
from tests.github.world import Comment, PullRequest, World

_REPO: Final = "/repos/{owner}/{repo}"


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


def _issue(world: World, asked: Asked) -> Reply:
    """A pull request is one, too."""
    missing = _missing_issue(world, asked)
    return missing or Reply(200, description.example("issue"))


def _missing_issue(world: World, asked: Asked) -> Reply | None:
    found = world.pulls.get((asked.repository, asked.number("issue_number")))
    if found is None:
        return Reply(404, NOT_FOUND)
    if found.is_deleted:
        return Reply(410, {**NOT_FOUND, "message": "This issue was deleted", "status": "410"})
    return None


def _comments(world: World, asked: Asked) -> Reply:
    if missing := _missing_issue(world, asked):
        return missing
    found = []
    for each in world.said(asked.repository, asked.number("issue_number")):
        if each.unlisted:
            each.unlisted -= 1
        else:
            found.append(_comment_body(each))
    return asked.page_of(found)


def _all_comments(world: World, asked: Asked) -> Reply:
    """Of all issues of the repository, as they were written or edited last."""
    since = dt.datetime.fromisoformat(asked.query["since"])
    there = sorted(
        (each for each in world.comments.values() if each.repository == asked.repository),
        key=lambda each: (each.updated_at, each.id),
    )
    return asked.page_of([_comment_body(each) for each in there if each.updated_at >= since])


def _permission(world: World, asked: Asked) -> Reply:
    login = asked.parameters["username"]
    grade = world.permissions.get((asked.repository, login), "none")
    return Reply(200, {"permission": grade, "role_name": grade, "user": None})


def _say(world: World, asked: Asked) -> Reply:
    if missing := _missing_issue(world, asked):
        return missing
    one = world.say(asked.repository, asked.number("issue_number"), asked.who, asked.body["body"])
    return Reply(201, _comment_body(one))


def _edit(world: World, asked: Asked) -> Reply:
    found = _own_comment(world, asked)
    if isinstance(found, Reply):
        return found
    found.edit(asked.body["body"], world.now().replace(microsecond=0))
    return Reply(200, _comment_body(found))


def _unsay(world: World, asked: Asked) -> Reply:
    found = _own_comment(world, asked)
    if isinstance(found, Reply):
        return found
    del world.comments[found.id]
    return Reply(204)


def _own_comment(world: World, asked: Asked) -> Comment | Reply:
    found = world.comments.get(asked.number("comment_id"))
    if found is None or found.repository != asked.repository:
        return Reply(404, NOT_FOUND, undescribed=True)
    return found


def _user(_: World, asked: Asked) -> Reply:
    found = description.example("private-user-response-with-public-profile-information")
    return Reply(200, found | {"login": asked.who.login, "id": asked.who.id})


def _installation(world: World, asked: Asked) -> Reply:
    known = world.app and world.app.installations.get(asked.repository)
    if not world.app or not known:
        return Reply(404, NOT_FOUND)
    facts = {"id": known, "permissions": dict(world.app.granted)}
    return Reply(200, description.example("installation") | facts)


def _access_token(world: World, asked: Asked) -> Reply:
    """For one repository, as the product asks; no more than the installation was given."""
    assert world.app is not None
    (name,), wanted = asked.body["repositories"], asked.body["permissions"]
    repository = next(
        (each for each, known in world.app.installations.items() if known == asked.number("installation_id")),
        "",
    )
    if repository.partition("/")[2] != name or not wanted.items() <= world.app.granted.items():
        return Reply(
            422, {**NOT_FOUND, "message": "The permissions requested are not granted", "status": "422"}
        )
    token = world.install(repository, wanted)
    expires = world.now() + dt.timedelta(hours=1)
    return Reply(201, {"token": token, "expires_at": moment(expires), "permissions": wanted})


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


def _comment_body(comment: Comment) -> dict[str, Any]:
    found = description.example(
        "issue-comment", comment.repository, issues=comment.number, issues_comments=comment.id
    )
    kind = "Bot" if comment.author.login.endswith("[bot]") else "User"
    author = {"login": comment.author.login, "id": comment.author.id, "type": kind}
    app = comment.author.app
    via = app_body(app, found["user"]) if app else None
    facts = {
        "id": comment.id,
        "body": comment.body,
        "performed_via_github_app": via,
        "created_at": moment(comment.created_at),
        "updated_at": moment(comment.updated_at),
        "issue_url": f"https://api.github.com/repos/{comment.repository}/issues/{comment.number}",
    }
    return {**found, **facts, "user": {**found["user"], **author}}


_COMMENTS: Final = f"{_REPO}/issues/{{issue_number}}/comments"
_COMMENT: Final = f"{_REPO}/issues/comments/{{comment_id}}"
OPERATIONS: Final = (
    Operation("GET", f"{_REPO}/pulls/{{pull_number}}", "pull_requests:read", _pull),
    Operation("GET", f"{_REPO}/pulls/{{pull_number}}/files", "pull_requests:read", _files),
    Operation("GET", f"{_REPO}/pulls", "pull_requests:read", _pulls),
    Operation("GET", _COMMENTS, "pull_requests:read", _comments),
    Operation("GET", f"{_REPO}/issues/comments", "pull_requests:read", _all_comments),
    Operation("GET", f"{_REPO}/collaborators/{{username}}/permission", None, _permission),
    Operation("POST", _COMMENTS, "pull_requests:write", _say),
    Operation("PATCH", _COMMENT, "pull_requests:write", _edit),
    Operation("DELETE", _COMMENT, "pull_requests:write", _unsay),
    Operation("GET", f"{_REPO}/issues/{{issue_number}}", "pull_requests:read", _issue),
    *reports.OPERATIONS,
    Operation("GET", "/user", None, _user),
    Operation("GET", f"{_REPO}/installation", "the App itself", _installation),
    Operation("POST", "/app/installations/{installation_id}/access_tokens", "the App itself", _access_token),
)
