"""Bytes to and from one apiserver, and the door where httpx2's errors become ours.

Two connection pools, never shared: calls come and go in one, watches and logs stay in the other, so
that any number of watches cannot starve a call. HTTP/1.1 in both: over HTTP/2 an apiserver allows 100
streams a connection, and the 101st would wait for ever. No redirects, no cookies, no environment.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2

from kubepreview.kube import tls
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.errors import NoAnswer

_CALLS_AT_ONCE = 64
# An apiserver closes a connection after 90 s of silence; we let go first, and so never write to a closed one.
_KEEP_IDLE_S = 45.0

# In these cases the server cannot have seen the request.
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One request as it goes on the wire."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    connect_s: float
    # The longest silence that is borne while reading.
    read_s: float
    is_stream: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.url.partition('?')[0]}"


class Incoming:
    """An answer whose body is still to be read. Close it."""

    def __init__(self, request: Outgoing, response: httpx2.Response) -> None:
        self._request = request
        self._response = response
        self.code = response.status_code
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        """The whole body."""
        with _our_errors(self._request):
            return await self._response.aread()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        with _our_errors(self._request):
            async for chunk in self._response.aiter_raw():
                yield chunk

    async def close(self) -> None:
        """Give the connection back, or end it when the body was not read to its end."""
        await self._response.aclose()


class Transport:
    """The connections to one apiserver."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._trust = tls.context(credentials)
        self._calls, self._streams = self._pools()
        self._retired: tuple[httpx2.AsyncHTTPTransport, ...] = ()
        self._extensions: dict[str, str] = {}
        if credentials.tls_server_name:
            self._extensions["sni_hostname"] = credentials.tls_server_name

    async def open(self, request: Outgoing) -> Incoming:
        """Send, and wait for the head of the answer."""
        # The pool may stay full for as long as a call may take; streams never wait for one.
        timeout = httpx2.Timeout(request.read_s, connect=request.connect_s)
        raw = httpx2.Request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body or None,
            extensions={"timeout": timeout.as_dict(), **self._extensions},
        )
        pool = self._streams if request.is_stream else self._calls
        with _our_errors(request):
            return Incoming(request, await pool.handle_async_request(raw))

    async def show_certificate(self, cert: bytes, key: bytes) -> None:
        """Use this client certificate from now on; what is under way ends as who it began."""
        tls.show(self._trust, cert, key, self._credentials.source)
        overdue, self._retired = self._retired, (self._calls, self._streams)
        self._calls, self._streams = self._pools()
        for pool in overdue:
            await pool.aclose()

    async def close(self) -> None:
        """Close every connection."""
        for pool in (self._calls, self._streams, *self._retired):
            await pool.aclose()

    def _pools(self) -> tuple[httpx2.AsyncHTTPTransport, httpx2.AsyncHTTPTransport]:
        calls = httpx2.Limits(
            max_connections=_CALLS_AT_ONCE,
            max_keepalive_connections=_CALLS_AT_ONCE,
            keepalive_expiry=_KEEP_IDLE_S,
        )
        # A stream's connection ends with it.
        streams = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        return self._pool(calls), self._pool(streams)

    def _pool(self, limits: httpx2.Limits) -> httpx2.AsyncHTTPTransport:
        return httpx2.AsyncHTTPTransport(
            verify=self._trust, trust_env=False, limits=limits, proxy=self._credentials.proxy_url or None
        )


@contextmanager
def _our_errors(request: Outgoing) -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException as error:
        waited_s = request.connect_s if isinstance(error, httpx2.ConnectTimeout) else request.read_s
        why = f"no answer in {waited_s:g} s"
        raise NoAnswer(f"{request}: {why}", was_sent=not isinstance(error, _NEVER_SENT)) from error
    except (httpx2.RequestError, httpx2.InvalidURL) as error:
        why = str(error) or type(error).__name__
        raise NoAnswer(
            f"{request}: {why}", was_sent=not isinstance(error, _NEVER_SENT), hint=_hint(error)
        ) from error


def _hint(error: Exception) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "the server's certificate does not fit certificate-authority-data of the kubeconfig"
    if isinstance(error, httpx2.ConnectError):
        return "is the cluster running, and is this the right context?"
    return ""
