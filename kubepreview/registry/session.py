"""Requests to one registry and to where it sends us, logged in as it asks.

Tokens and passwords stay with the host that they are for: redirects are followed here, one by one, so
that no header of one host reaches the next.
"""

from __future__ import annotations

import functools
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import httpx2
from msgspec import Struct, field

from kubepreview.errors import Refused, Unreachable
from kubepreview.registry import challenge
from kubepreview.registry.challenge import Challenge
from kubepreview.registry.logins import Login, host_of

# A manifest may have 4 MiB, says the distribution specification; no other answer comes near.
_MAX_BYTES = 4 * 1024 * 1024
_MOST_HOPS = 6
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_LOGIN_HINT = (
    "run `docker login {host}`, and make sure that this user may pull the image; "
    "a password that a credential helper keeps is not read"
)


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer."""

    code: int
    headers: httpx2.Headers
    body: bytes
    host: str

    @property
    def json(self) -> Mapping[str, object]:
        """The body, if it is a JSON object; else nothing."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Content(Struct, frozen=True):
    """What is sent along. A request without any has no type either."""

    body: bytes = b""
    media_type: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """The header that says what it is."""
        return {"Content-Type": self.media_type} if self.media_type else {}


NOTHING: Final = Content()


class Session(Struct, kw_only=True):
    """One conversation about one repository. `what` names the deed in messages.

    `actions`: what a token is asked for that the registry does not say itself.
    """

    client: httpx2.AsyncClient
    logins: Mapping[str, Login]
    what: str
    repository: str
    actions: str = "pull"
    _authorizations: dict[str, str] = field(default_factory=dict)

    async def send(self, method: str, url: str, accept: str = "*/*", content: Content = NOTHING) -> Answer:
        """The answer of the last host in line. A 401 is answered once by each host."""
        target = self._address(url)
        for _ in range(_MOST_HOPS):
            host = _host(target)
            headers = {"Accept": accept, **content.headers}
            if host in self._authorizations:
                headers["Authorization"] = self._authorizations[host]
            answer = await self._once(method, target, headers, content.body)
            if answer.code == HTTPStatus.UNAUTHORIZED and host not in self._authorizations:
                self._authorizations[host] = await self._authorization(answer, target)
            elif answer.code in _REDIRECTS and "location" in answer.headers:
                target = self._next(target, answer.headers["location"])
            else:
                return answer
        raise Unreachable(f"{self.what}: {url} leads on and on, {_MOST_HOPS} answers in all")

    def beside(self, url: str, location: str) -> httpx2.URL:
        """Where an answer of `url` leads; Unreachable if that is no address, or not protected any more."""
        return self._next(self._address(url), location)

    async def _once(
        self, method: str, url: httpx2.URL, headers: Mapping[str, str], content: bytes = b""
    ) -> Answer:
        body = b""
        try:
            async with self.client.stream(method, url, headers=headers, content=content or None) as response:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_BYTES:
                        raise Unreachable(f"{self.what}: {_host(url)} answers more than a manifest may hold")
        except httpx2.TimeoutException as error:
            raise Unreachable(f"{self.what}: {_host(url)} gives no answer in time") from error
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise Unreachable(
                f"{self.what}: {_host(url)} cannot be reached: {error}", hint="is the registry's name right?"
            ) from error
        return Answer(code=response.status_code, headers=response.headers, body=body, host=_host(url))

    def _address(self, url: str) -> httpx2.URL:
        try:
            return httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise Unreachable(f"{self.what}: {url} is no address: {error}") from error

    def _next(self, url: httpx2.URL, location: str) -> httpx2.URL:
        try:
            target = url.join(location)
        except httpx2.InvalidURL as error:
            raise Unreachable(f"{self.what}: {_host(url)} leads to {location!r}, no address") from error
        if target.scheme not in ("http", "https") or (url.scheme == "https" and target.scheme == "http"):
            raise Unreachable(f"{self.what}: {_host(url)} leads to {target}, which is not protected by TLS")
        return target

    async def _authorization(self, refusal: Answer, url: httpx2.URL) -> str:
        """The header that the host asks for; a login of this host is used if there is one."""
        login = self.logins.get(host_of(refusal.host))
        offers = {
            offer.scheme: offer for offer in challenge.parse(refusal.headers.get_list("www-authenticate"))
        }
        if "bearer" in offers:
            return await self._token(offers["bearer"], login, url)
        if "basic" in offers and login is not None:
            return login.basic
        raise self.refused(refusal.host)

    async def _token(self, offer: Challenge, login: Login | None, url: httpx2.URL) -> str:
        realm = self._next(url, offer.parameters.get("realm", ""))
        scope = offer.parameters.get("scope") or f"repository:{self.repository}:{self.actions}"
        asked = {"scope": scope, "service": offer.parameters.get("service", "")}
        target = realm.copy_merge_params({key: value for key, value in asked.items() if value})
        answer = await self._once("GET", target, {"Authorization": login.basic} if login else {})
        if answer.code in _NO:
            raise self.refused(_host(url))
        token = answer.json.get("token") or answer.json.get("access_token")
        if not isinstance(token, str):
            raise Unreachable(f"{self.what}: {_host(realm)} gives no token (code {answer.code})")
        return f"Bearer {token}"

    def refused(self, host: str) -> Refused:
        """The registry does not let us. Docker Hub and others say the same of what is not there."""
        who = "with the login it was given" if host_of(host) in self.logins else "without a login"
        return Refused(
            f"{self.what}: {host} refuses {who}: the image is private, or it is not there",
            hint=_LOGIN_HINT.format(host=host_of(host)),
        )


@asynccontextmanager
async def connected(*, is_plain: bool, timeout_s: float) -> AsyncIterator[httpx2.AsyncClient]:
    """A client. It honours the environment's proxy, except on the way to a registry of this machine."""
    async with httpx2.AsyncClient(
        verify=_trust(), timeout=timeout_s, follow_redirects=False, trust_env=not is_plain
    ) as client:
        yield client


@functools.cache
def _trust() -> ssl.SSLContext:
    # Reading the system's certificates takes longer than most requests.
    return ssl.create_default_context()


def _host(url: httpx2.URL) -> str:
    return url.netloc.decode()
