"""Who somebody is, what they may do, and how an App gets a token."""

from __future__ import annotations

import datetime as dt
from typing import Final

from standin import description
from standin.api import Asked, Operation, Reply, moment
from standin.describe import REPO
from standin.faults import NOT_FOUND
from standin.world import World


def _permission(world: World, asked: Asked) -> Reply:
    login = asked.parameters["username"]
    grade = world.permissions.get((asked.repository, login), "none")
    return Reply(200, {"permission": grade, "role_name": grade, "user": None})


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


OPERATIONS: Final = (
    Operation("GET", "/user", None, _user),
    Operation("GET", f"{REPO}/collaborators/{{username}}/permission", None, _permission),
    Operation("GET", f"{REPO}/installation", "the App itself", _installation),
    Operation("POST", "/app/installations/{installation_id}/access_tokens", "the App itself", _access_token),
)
