"""Bytes to and from one apiserver, and the door where httpcore2's errors become ours.

httpcore2 is the connection pool beneath httpx2, without its sessions: no redirects, no cookies, no
proxies from the environment behind our back.

Two pools, never shared: calls come and go in one, watches and logs stay in the other, so that any
number of watches cannot starve a call. HTTP/1.1 in both: over HTTP/2 an apiserver allows 100 streams
a connection, and the 101st would wait for ever.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpcore2

from kubepreview.kube import netstream, tls
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.errors import NoAnswer, NotTrusted

_CALLS_AT_ONCE = 64
# An apiserver closes a connection after 90 s of silence; we let go first, and so never write to a closed one.
_KEEP_IDLE_S = 45.0

_SILENT = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)
# In these cases the server cannot have seen the request.
_NEVER_SENT = (
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
    httpcore2.PoolTimeout,
    httpcore2.ProxyError,
)

_TRUST = "the server's certificate does not fit certificate-authority-data of the kubeconfig"
_REACH = "is the cluster running, and is this the right context?"


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

    def __init__(self, request: Outgoing, response: httpcore2.Response) -> None:
        self._request = request
        self._response = response
        self.code = response.status

    def header(self, name: str) -> str:
        """One header, empty when absent; `name` in lower case."""
        wanted = name.encode()
        return next(
            (value.decode("latin-1") for key, value in self._response.headers if key.lower() == wanted), ""
        )

    async def read(self) -> bytes:
        """The whole body."""
        with _our_errors(self._request):
            return await self._response.aread()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        with _our_errors(self._request):
            async with aclosing(self._response.aiter_stream()) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def close(self) -> None:
        """Give the connection back, or end it when the body was not read to its end."""
        await self._response.aclose()


class Transport:
    """The connections to one apiserver."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._trust = tls.context(credentials)
        self._host = urlsplit(credentials.server).netloc
        self._calls, self._streams = self._pools()
        self._retired: tuple[httpcore2.AsyncConnectionPool, ...] = ()

    async def open(self, request: Outgoing) -> Incoming:
        """Send, and wait for the head of the answer."""
        pool = self._streams if request.is_stream else self._calls
        with _our_errors(request):
            return Incoming(request, await pool.handle_async_request(self._raw(request)))

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

    def _raw(self, request: Outgoing) -> httpcore2.Request:
        headers = [("Host", self._host), *request.headers]
        if request.body or request.method == "POST":
            headers.append(("Content-Length", str(len(request.body))))
        timeouts = dict.fromkeys(("read", "write", "pool"), request.read_s) | {"connect": request.connect_s}
        extensions: dict[str, object] = {"timeout": timeouts}
        if self._credentials.tls_server_name:
            extensions["sni_hostname"] = self._credentials.tls_server_name
        return httpcore2.Request(
            request.method,
            request.url,
            # Bytes, since httpcore2 takes text to be ASCII, and the name of a user may not be.
            headers=[(name.encode(), value.encode()) for name, value in headers],
            content=request.body,
            extensions=extensions,
        )

    def _pools(self) -> tuple[httpcore2.AsyncConnectionPool, httpcore2.AsyncConnectionPool]:
        # A stream's connection ends with it, so none is kept.
        return self._pool(most=_CALLS_AT_ONCE, kept=_CALLS_AT_ONCE), self._pool(most=None, kept=0)

    def _pool(self, *, most: int | None, kept: int) -> httpcore2.AsyncConnectionPool:
        proxy = self._credentials.proxy_url
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._trust,
            proxy=_proxy(proxy) if proxy else None,
            max_connections=most,
            max_keepalive_connections=kept,
            keepalive_expiry=_KEEP_IDLE_S,
            network_backend=netstream.Backend(),
        )


def _proxy(url: str) -> httpcore2.Proxy:
    parts = urlsplit(url)
    who = (parts.username or "", parts.password or "") if parts.username else None
    port = f":{parts.port}" if parts.port else ""
    return httpcore2.Proxy(f"{parts.scheme}://{parts.hostname}{port}", auth=who)


@contextmanager
def _our_errors(request: Outgoing) -> Iterator[None]:
    try:
        yield
    except _SILENT as error:
        what = f"{request}: {_why(request, error)}"
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise NotTrusted(what, was_sent=False, hint=_TRUST) from error
        hint = _REACH if isinstance(error, httpcore2.ConnectError) else ""
        raise NoAnswer(what, was_sent=not isinstance(error, _NEVER_SENT), hint=hint) from error


def _why(request: Outgoing, error: Exception) -> str:
    if isinstance(error, httpcore2.ConnectTimeout):
        return f"no connection in {request.connect_s:g} s"
    if isinstance(error, httpcore2.TimeoutException):
        return f"no answer in {request.read_s:g} s"
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    return str(root) or type(error).__name__
