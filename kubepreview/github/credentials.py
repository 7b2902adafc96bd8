"""Who asks: the token that lies in a file, or a GitHub App, which gets one for each repository.

Both lie in one folder, as a Secret mounts them: `token`, or `app-id` and `private-key`. They are read when
they are needed, so that one that is renewed is seen. An App's tokens hold for an hour, for one repository,
and for what is used here only.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from kubepreview.errors import Refused, Unreachable

_TOKEN, _APP_ID, _PRIVATE_KEY = "token", "app-id", "private-key"
_REPOSITORY: Final = re.compile(r"^/repos/([^/]+/[^/]+)(/|$)")
# What is asked for of what the App was given, and so the most that a stolen token is good for.
_USED: Final = ("pull_requests", "deployments", "checks")
# GitHub refuses more than ten minutes, and a time that is still to come by its clock.
_JWT_S: Final = 540
_LATE_CLOCK_S: Final = 60
# They hold for an hour.
_HOLDS_S: Final = 50 * 60.0
_T = TypeVar("_T")


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer. `has_moved`: GitHub led on to another of its addresses."""

    code: int
    body: bytes
    has_moved: bool = False


Exchange = Callable[[str, str, str, bytes | None], Awaitable[Answer]]
"""One request: method, path, bearer and content."""


class _Installation(Struct, frozen=True):
    id: int
    permissions: Mapping[str, str]


class _AccessToken(Struct, frozen=True):
    token: str


class _Kept(Struct, frozen=True):
    token: str
    until: float


class GitHubCredentials:
    """What a folder holds. `now` is the time by the wall clock, which GitHub compares with its own."""

    def __init__(self, folder: Path, now: Callable[[], dt.datetime]) -> None:
        self._folder = folder
        self._wall_clock = now
        self._kept: dict[str, _Kept] = {}

    @property
    def are_there(self) -> bool:
        """Whether there is anything to ask with."""
        return self._has(_TOKEN) or bool(self.app)

    @property
    def app(self) -> str:
        """The App's id or client id; empty for a token's account."""
        is_app = not self._has(_TOKEN) and self._has(_APP_ID) and self._has(_PRIVATE_KEY)
        return self._read(_APP_ID) if is_app else ""

    async def bearer(self, path: str, exchange: Exchange) -> str:
        """With what a request to this path is made.

        Raises Refused when there is nothing, or GitHub does not take it; Unreachable for no usable answer.
        """
        if not self.app:
            return self._read(_TOKEN)
        found = _REPOSITORY.match(path)
        if found is None:
            raise Refused(f"an App does not ask about {path}")
        return await self._of_installation(found[1], exchange)

    def forget(self, bearer: str) -> None:
        """It was not taken: the next one is a new one."""
        self._kept = {key: kept for key, kept in self._kept.items() if kept.token != bearer}

    async def _of_installation(self, repository: str, exchange: Exchange) -> str:
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(repository)
        if kept and now < kept.until:
            return kept.token
        jwt = self._signed()
        where = await exchange("GET", f"/repos/{repository}/installation", jwt, None)
        installation = _decoded(where, HTTPStatus.OK, _Installation, f"find the App on {repository}")
        used = {name: grade for name, grade in installation.permissions.items() if name in _USED}
        wanted = {"repositories": [repository.partition("/")[2]], "permissions": used}
        path = f"/app/installations/{installation.id}/access_tokens"
        given = await exchange("POST", path, jwt, msgspec.json.encode(wanted))
        token = _decoded(
            given, HTTPStatus.CREATED, _AccessToken, f"give the App a token for {repository}"
        ).token
        self._kept[repository] = _Kept(token, now + _HOLDS_S)
        return token

    def _signed(self) -> str:
        # Loaded here: it takes a tenth of a second and 10 MiB, and only an App needs it.
        from kubepreview.github.signing import signed  # noqa: PLC0415 — see above

        now = int(self._wall_clock().timestamp())
        claims = {"iat": now - _LATE_CLOCK_S, "exp": now + _JWT_S, "iss": self.app}
        try:
            return signed(claims, self._read(_PRIVATE_KEY))
        except ValueError as error:
            raise Refused(
                f"{self._folder / _PRIVATE_KEY} holds no RSA key",
                hint="put the .pem file into the Secret that GitHub gave when the key was made",
            ) from error

    def _has(self, name: str) -> bool:
        return (self._folder / name).is_file()

    def _read(self, name: str) -> str:
        path = self._folder / name
        try:
            text = path.read_text().strip()
        except (OSError, ValueError) as error:
            raise Refused(f"the {name} for GitHub cannot be read from {path}") from error
        is_one_line = text.isascii() and text.isprintable() and " " not in text
        if not text or (name != _PRIVATE_KEY and not is_one_line):
            raise Refused(f"{path} holds no {name}")
        return text


def _decoded(answer: Answer, wanted: HTTPStatus, kind: type[_T], what: str) -> _T:
    if answer.code in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY):
        raise Refused(
            f"GitHub answers {answer.code} to: {what}",
            hint="install the App on the repository, with the permission `Pull requests`",
        )
    if answer.code != wanted:
        raise Unreachable(f"GitHub answers {answer.code} to: {what}")
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except ValueError as error:
        raise Unreachable(f"GitHub's answer is none to: {what}") from error
