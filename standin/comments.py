"""What is said on pull requests, each of which is an issue, too."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from standin import description
from standin.api import Asked, Operation, Reply, app_body, moment
from standin.describe import REPO
from standin.faults import NOT_FOUND
from standin.world import Comment, World


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


def _say(world: World, asked: Asked) -> Reply:
    if missing := _missing_issue(world, asked):
        return missing
    one = world.say(asked.repository, asked.number("issue_number"), asked.who, asked.body["body"])
    world.tell("issue_comment.created", one.repository, one.number)
    return Reply(201, _comment_body(one))


def _edit(world: World, asked: Asked) -> Reply:
    found = _own_comment(world, asked)
    if isinstance(found, Reply):
        return found
    found.edit(asked.body["body"], world.whole_second())
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


_ISSUE: Final = f"{REPO}/issues/{{issue_number}}"
_COMMENTS: Final = f"{_ISSUE}/comments"
_COMMENT: Final = f"{REPO}/issues/comments/{{comment_id}}"
OPERATIONS: Final = (
    Operation("GET", _ISSUE, "pull_requests:read", _issue),
    Operation("GET", _COMMENTS, "pull_requests:read", _comments),
    Operation("POST", _COMMENTS, "pull_requests:write", _say),
    Operation("GET", f"{REPO}/issues/comments", "pull_requests:read", _all_comments),
    Operation("PATCH", _COMMENT, "pull_requests:write", _edit),
    Operation("DELETE", _COMMENT, "pull_requests:write", _unsay),
)
