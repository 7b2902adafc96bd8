"""One question at a time, with a memory of what was answered: GitHub asks for both."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Literal, Self

import httpx2
import msgspec
from msgspec import Struct

from kubepreview import __version__
from kubepreview.core import feedback, keys
from kubepreview.errors import Refused, Unreachable
from kubepreview.github.credentials import Answer, GitHubCredentials

API: Final = "https://api.github.com"

_TIMEOUT_S: Final = 10.0
# A pull request's answer has some 30 KiB.
_MAX_BYTES: Final = 2 * 1024 * 1024
_MOST_HOPS: Final = 3
_MOST_REMEMBERED: Final = 2000
_REDIRECTS: Final = frozenset(
    {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}
)
# "If you exceed a secondary rate limit and there is no Retry-After, wait for at least one minute."
_PAUSE_S: Final = 60.0
_LONGEST_PAUSE_S: Final = 3600.0

Write = Literal["POST", "PATCH", "DELETE"]


class RateLimited(Unreachable):
    """There were too many requests; `pause_s` is how long GitHub wants none."""

    def __init__(self, message: str, pause_s: float) -> None:
        super().__init__(message)
        self.pause_s = pause_s


class _Remembered(Struct, frozen=True):
    etag: str
    answer: Answer


class GitHub:
    """A client of one API."""

    def __init__(self, api: str, credentials: GitHubCredentials, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._api = httpx2.URL(api.rstrip("/") + "/")
        self.credentials = credentials
        self._remembered: dict[str, _Remembered] = {}
        self._timeout_s = timeout_s
        self._quiet_until = 0.0
        self._reads = feedback.reads(0.0)
        # How many requests were sent that change something, answered or not.
        self.writes = 0
        self._client = httpx2.AsyncClient(
            verify=ssl.create_default_context(), timeout=timeout_s, follow_redirects=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def get(self, path: str) -> Answer:
        """The answer to a GET below the API's address; what has not changed is answered from memory.

        Raises RateLimited, Refused when the token is not taken, Unreachable for no usable answer.
        """
        bearer = await self.credentials.bearer(path, self._exchange)
        await self._wait_for_room()
        response, body, url = await self._ask("GET", path, bearer)
        return self._remember(url, response, body, has_moved=url != str(self._url(path)))

    async def write(self, method: Write, path: str, body: object = None) -> Answer:
        """The answer to a request that changes something there.

        Raises what `get` raises; after an Unreachable it may have been done, or not.
        """
        bearer = await self.credentials.bearer(path, self._exchange)
        self.writes += 1
        return await self._exchange(method, path, bearer, None if body is None else msgspec.json.encode(body))

    async def _exchange(self, method: str, path: str, bearer: str, content: bytes | None) -> Answer:
        response, body, url = await self._ask(method, path, bearer, content)
        return Answer(code=response.status_code, body=body, has_moved=url != str(self._url(path)))

    async def _ask(
        self, method: str, path: str, bearer: str, content: bytes | None = None
    ) -> tuple[httpx2.Response, bytes, str]:
        """The response, its body, and the address that it came from in the end."""
        url = self._url(path)
        for _ in range(_MOST_HOPS):
            self._keep_quiet()
            response, body = await self._send(method, url, bearer, content)
            self._check(response, url, bearer)
            if response.status_code not in _REDIRECTS:
                return response, body, str(url)
            url = self._next(url, response.headers.get("location", ""))
        raise Unreachable(f"{url} leads on and on")

    def _url(self, path: str) -> httpx2.URL:
        return self._api.join(path.lstrip("/"))

    async def _wait_for_room(self) -> None:
        """However much there is to read, it is read no faster than GitHub wants."""
        await asyncio.sleep(self._reads.reserve(asyncio.get_running_loop().time()))

    def _keep_quiet(self) -> None:
        """Nobody asks while GitHub wants no request, whoever was told so."""
        left_s = self._quiet_until - asyncio.get_running_loop().time()
        if left_s > 0:
            raise RateLimited(f"GitHub wants no request for {math.ceil(left_s)} s", left_s)

    async def _send(
        self, method: str, url: httpx2.URL, bearer: str, content: bytes | None
    ) -> tuple[httpx2.Response, bytes]:
        body = b""
        headers = self._headers(method, str(url), bearer)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream(method, url, headers=headers, content=content) as response,
            ):
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_BYTES:
                        raise Unreachable(f"{url} answers more than {_MAX_BYTES} bytes")
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise Unreachable(f"{url} gives no answer in {self._timeout_s:g} s") from error
        except httpx2.RequestError as error:
            raise Unreachable(f"{url} cannot be read: {error}") from error
        return response, body

    def _headers(self, method: str, url: str, bearer: str) -> Mapping[str, str]:
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": f"kubepreview/{__version__}",
            "Authorization": f"Bearer {bearer}",
        }
        if method == "GET" and url in self._remembered:
            headers["If-None-Match"] = self._remembered[url].etag
        return headers

    def _check(self, response: httpx2.Response, url: httpx2.URL, bearer: str) -> None:
        code, headers = response.status_code, response.headers
        is_limited = headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers
        if code == HTTPStatus.TOO_MANY_REQUESTS or (code == HTTPStatus.FORBIDDEN and is_limited):
            pause_s = _pause_s(headers)
            self._quiet_until = asyncio.get_running_loop().time() + pause_s
            raise RateLimited(f"GitHub wants no request for {math.ceil(pause_s)} s", pause_s)
        if code == HTTPStatus.UNAUTHORIZED:
            self.credentials.forget(bearer)
            raise Refused(
                f"{url.host} does not take the token", hint=f"renew the Secret {keys.GITHUB_SECRET}"
            )
        if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreachable(f"{url} answers {code}")
        media = headers.get("content-type", "").partition(";")[0].strip()
        if code in (HTTPStatus.OK, HTTPStatus.CREATED) and media not in (
            "application/json",
            "application/vnd.github+json",
        ):
            raise Unreachable(f"{url} answers with {media or 'no content type'} instead of JSON")

    def _next(self, url: httpx2.URL, location: str) -> httpx2.URL:
        try:
            target = url.join(location)
        except httpx2.InvalidURL as error:
            raise Unreachable(f"{url} leads to {location!r}, no address") from error
        if (target.scheme, target.netloc) != (self._api.scheme, self._api.netloc):
            raise Unreachable(f"{url} leads to another server, {target.host}")
        return target

    def _remember(self, url: str, response: httpx2.Response, body: bytes, *, has_moved: bool) -> Answer:
        if response.status_code == HTTPStatus.NOT_MODIFIED and url in self._remembered:
            return self._remembered[url].answer
        answer = Answer(code=response.status_code, body=body, has_moved=has_moved)
        self._remembered.pop(url, None)
        if response.status_code == HTTPStatus.OK and (etag := response.headers.get("etag")):
            if len(self._remembered) >= _MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[url] = _Remembered(etag, answer)
        return answer


def _pause_s(headers: httpx2.Headers) -> float:
    """Retry-After in seconds, or until the primary limit is reset by GitHub's own clock, or a minute."""
    asked = headers.get("retry-after", "")
    if asked.isdecimal():
        return min(float(asked), _LONGEST_PAUSE_S)
    reset, now = headers.get("x-ratelimit-reset", ""), headers.get("date", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return min(max(float(reset) - _seconds(now), 1.0), _LONGEST_PAUSE_S)
    return _PAUSE_S


def _seconds(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return math.inf
