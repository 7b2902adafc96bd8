"""One request and its answer, as the stand-in's operations see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from standin.world import Account, App, Permission, World

_PER_PAGE: Final = 30


@dataclass(frozen=True)
class Asked:
    """A request, as far as it was understood."""

    parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    who: Account

    @property
    def repository(self) -> str:
        """Its owner/name; empty for what is of none."""
        return "/".join(self.parameters[each] for each in ("owner", "repo") if each in self.parameters)

    def number(self, name: str) -> int:
        """A parameter of the path that is a number."""
        return int(self.parameters[name])

    def page_of(self, found: Sequence[Any]) -> Reply:
        """The page that is asked for, and where the next one is, if there is one."""
        size, page = int(self.query.get("per_page", _PER_PAGE)), int(self.query.get("page", 1))
        has_more = len(found) > page * size
        return Reply(200, list(found[(page - 1) * size : page * size]), next_page=page + 1 if has_more else 0)


@dataclass(frozen=True)
class Reply:
    """An answer. `undescribed`: the description leaves it out of this operation and has it in others.

    `next_page`: the number of the page that follows; 0 for none.
    """

    code: int
    body: Any = None
    location: str = ""
    undescribed: bool = False
    next_page: int = 0


@dataclass(frozen=True)
class Operation:
    """One of the API's, and the permission that its token must have."""

    method: str
    template: str
    needs: Permission | None
    answer: Callable[[World, Asked], Reply]


def moment(at: dt.datetime) -> str:
    """As GitHub writes times."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def app_body(app: App, owner: Mapping[str, Any]) -> Mapping[str, Any]:
    """An App, as it stands in what it made."""
    page = f"https://github.com/apps/{app.slug}"
    return {
        "id": app.id,
        "client_id": app.client_id,
        "slug": app.slug,
        "name": app.slug,
        "node_id": "A_1",
        "owner": owner,
        "description": None,
        "external_url": page,
        "html_url": page,
        "events": [],
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "permissions": dict(app.granted),
    }
