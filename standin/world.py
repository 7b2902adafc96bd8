"""What the stand-in knows: repositories' pull requests, what is said on them, and who may say it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, cast, get_args

import jwt

from standin.limits import Allowance, Limits

TOKEN: Final = "ghs_" + "standin" * 5
STRANGERS_TOKEN: Final = "ghp_" + "stranger" * 4
READERS_TOKEN: Final = "ghp_" + "reading" * 5

# What every operation needs, by the names of fine-grained permissions; a write includes the read.
Permission = Literal[
    "pull_requests:read",
    "pull_requests:write",
    "deployments:read",
    "deployments:write",
    "checks:read",
    "checks:write",
    "contents:write",
    "the App itself",
]
_WRITES: Final[frozenset[Permission]] = frozenset(get_args(Permission)) - {"the App itself"}


_GRANTED: Final = {"pull_requests": "write", "deployments": "write", "checks": "write", "metadata": "read"}


@dataclass(frozen=True)
class Account:
    """Whose token it is, and what it may do. `app`: it is an App's. `repositories`: None for all."""

    login: str
    id: int
    permissions: frozenset[Permission] = _WRITES
    app: App | None = None
    repositories: frozenset[str] | None = None

    def may(self, needs: Permission | None, repository: str) -> bool:
        """Whether it may do this there."""
        if self.repositories is not None and repository not in self.repositories:
            return False
        return needs is None or needs in self.permissions


@dataclass(frozen=True)
class App:
    """A GitHub App. `installations`: by repository. `granted`: what its installations were given."""

    id: int
    client_id: str
    slug: str
    public_key: str
    installations: Mapping[str, int]
    granted: Mapping[str, str] = field(default_factory=lambda: dict(_GRANTED))

    def itself(self, bearer: str, now: dt.datetime) -> Account | None:
        """The account that a signed bearer stands for: the App itself, which does nothing but get tokens."""
        options: Any = {"verify_exp": False, "verify_iat": False, "require": ["iat", "exp", "iss"]}
        try:
            claims = jwt.decode(bearer, self.public_key, algorithms=["RS256"], options=options)
        except jwt.PyJWTError:
            return None
        is_now = claims["iat"] <= now.timestamp() < claims["exp"] <= claims["iat"] + 600
        if not is_now or claims["iss"] not in (str(self.id), self.client_id):
            return None
        return Account(self.slug, self.id, frozenset({"the App itself"}), self)


@dataclass
class PullRequest:
    """What the stand-in knows of one.

    `head_branch`: empty where a test says which commit it is at. `head_repository`: empty for its own
    repository's, else a fork's.
    """

    state: Literal["open", "closed"] = "open"
    is_merged: bool = False
    is_deleted: bool = False
    updated_at: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    head: str = "d" * 40
    head_branch: str = ""
    head_repository: str = ""
    title: str = "Amend"
    author: str = "octocat"
    is_draft: bool = False
    labels: tuple[str, ...] = ()
    base: str = "main"
    files: tuple[str, ...] = ("README.md",)


@dataclass
class Comment:
    """One on a pull request.

    `unlisted`: how many lists it is still missing from, as on a slow replica. `history`: all that it has
    said, each with when, by the monotonic clock.
    """

    id: int
    repository: str
    number: int
    author: Account
    body: str
    created_at: dt.datetime
    updated_at: dt.datetime
    unlisted: int = 0
    edits: int = 0
    history: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """What it says first."""
        self.history.append((time.monotonic(), self.body))

    def edit(self, body: str, at: dt.datetime) -> None:
        """It says something else."""
        self.body, self.updated_at, self.edits = body, at, self.edits + 1
        self.history.append((time.monotonic(), body))


@dataclass
class Deployment:
    """One of a commit. `body`: as it was made; `statuses`: what was told of it, in order."""

    id: int
    repository: str
    author: Account
    body: dict[str, Any]
    statuses: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class CheckRun:
    """One of a commit, as it was told last."""

    id: int
    repository: str
    author: Account
    body: dict[str, Any]


@dataclass
class World:
    """The state, which a test changes at will.

    `permissions`: of logins in repositories. `moved`: repositories that were renamed, each with the address
    of what it is now. `list_lag`: how many lists a new comment is missing from. `branches`: the commit of
    each. `tell`: is told of what happened, as a webhook is (`pull_request.opened`), where, and to which one.
    """

    pulls: dict[tuple[str, int], PullRequest] = field(default_factory=dict)
    branches: dict[tuple[str, str], str] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    deployments: dict[int, Deployment] = field(default_factory=dict)
    check_runs: dict[int, CheckRun] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    permissions: dict[tuple[str, str], str] = field(default_factory=dict)
    list_lag: int = 0
    _last_id: int = 0
    app: App | None = None
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)  # noqa: TID251 — a server has a clock
    tell: Callable[[str, str, int], None] = lambda *_: None
    limits: Limits = field(default_factory=Limits)
    allowance: Allowance = field(default_factory=Allowance)
    accounts: dict[str, Account] = field(
        default_factory=lambda: {
            TOKEN: Account("kubepreview-bot", 101),
            STRANGERS_TOKEN: Account("stranger", 202),
            READERS_TOKEN: Account("reader", 303, frozenset({"pull_requests:read"})),
        }
    )

    def next_id(self) -> int:
        """One that nothing has had."""
        self._last_id += 1
        return self._last_id

    def account(self, bearer: str) -> Account | None:
        """Whose it is; None for nobody's."""
        return self.accounts.get(bearer) or (self.app.itself(bearer, self.now()) if self.app else None)

    def install(self, repository: str, permissions: Mapping[str, str]) -> str:
        """A token for an App's installation, with at most these permissions."""
        assert self.app is not None
        may = {f"{name}:{grade}" for name, grade in permissions.items()}
        may |= {f"{name}:read" for name, grade in permissions.items() if grade == "write"}
        token = f"ghs_{len(self.accounts):036}"
        account = Account(
            f"{self.app.slug}[bot]",
            900,
            cast("frozenset[Permission]", frozenset(may)),
            self.app,
            frozenset({repository}),
        )
        self.accounts[token] = account
        return token

    def whole_second(self) -> dt.datetime:
        """Now, as precisely as GitHub says it."""
        return self.now().replace(microsecond=0)

    def propose(self, repository: str, head: str, base: str, **facts: Any) -> int:
        """A pull request for the branch `head` is opened; the number that it gets."""
        number = 1 + max((each for name, each in self.pulls if name == repository), default=0)
        sha = self.branches[repository, head]
        self.open(repository, number, self.whole_second(), head=sha, head_branch=head, base=base, **facts)
        return number

    def push(self, repository: str, branch: str, sha: str) -> tuple[int, ...]:
        """A branch is at another commit; the numbers of the open pull requests that are, too."""
        self.branches[repository, branch] = sha
        numbers = tuple(
            number
            for (name, number), each in self.pulls.items()
            if (name, each.head_branch, each.state) == (repository, branch, "open")
        )
        for number in numbers:
            self.open(repository, number, self.whole_second(), head=sha)
        return numbers

    def open(self, repository: str, number: int, at: dt.datetime, **facts: Any) -> None:
        """A pull request is opened, or reopened, pushed to or edited; it is as it was but for these facts."""
        before = self.pulls.get((repository, number), PullRequest())
        self.pulls[repository, number] = replace(
            before, state="open", is_merged=False, updated_at=at, **facts
        )

    def close(self, repository: str, number: int, at: dt.datetime, *, merged: bool = False) -> None:
        """A pull request is closed, or merged."""
        before = self.pulls.get((repository, number), PullRequest())
        self.pulls[repository, number] = replace(before, state="closed", is_merged=merged, updated_at=at)

    def delete(self, repository: str, number: int) -> None:
        """A pull request is deleted, as only GitHub's own people can."""
        self.pulls[repository, number].is_deleted = True

    def say(self, repository: str, number: int, author: Account, body: str) -> Comment:
        """Somebody comments."""
        at = self.whole_second()
        one = Comment(self.next_id(), repository, number, author, body, at, at, self.list_lag)
        self.comments[one.id] = one
        return one

    def said(self, repository: str, number: int) -> list[Comment]:
        """What is said on a pull request, in order."""
        return [
            each for each in self.comments.values() if (each.repository, each.number) == (repository, number)
        ]
