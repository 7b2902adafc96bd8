"""Who we are, kept fresh: what each request carries, and how it is renewed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kubepreview.errors import Failed
from kubepreview.kube import exec_plugin
from kubepreview.kube.credentials import Credentials, ExecPlugin
from kubepreview.kube.exec_plugin import Granted

# The kubelet renews a projected token at 80 % of its life; client-go also re-reads once a minute.
_TOKEN_FILE_FRESH_S = 60.0
# Renewed this much before the end, so that a request under way does not outlive its credential.
_EXPIRY_MARGIN = timedelta(seconds=10)


def wall_clock() -> datetime:
    """The time of day: what a plugin's expirationTimestamp is compared with."""
    return datetime.now(UTC)  # noqa: TID251 — the default clock of a client; whoever has another passes it


class Auth:
    """The changing half of the credentials. `on_certificate` is given each new client certificate and key."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        now: Callable[[], datetime],
        on_certificate: Callable[[bytes, bytes], Awaitable[None]],
    ) -> None:
        self._credentials = credentials
        self._now = now
        self._on_certificate = on_certificate
        self._asking = asyncio.Lock()
        self._granted: Granted | None = None
        self._token = credentials.token
        self._token_read_at: float | None = None

    @property
    def is_renewable(self) -> bool:
        """True if asking again may give another credential."""
        return bool(self._credentials.token_file or self._credentials.exec_plugin)

    async def token(self) -> str:
        """The bearer token for the next request; empty when a certificate or nothing is shown."""
        if self._credentials.exec_plugin:
            await self._ask_plugin(self._credentials.exec_plugin)
        elif self._credentials.token_file:
            self._read_file(self._credentials.token_file)
        return self._token

    def forget(self, refused: str) -> None:
        """The server refused this token: get another, unless that has happened meanwhile."""
        if self._token == refused:
            self._granted = None
            self._token_read_at = None

    async def _ask_plugin(self, plugin: ExecPlugin) -> None:
        async with self._asking:
            if self._granted is not None and not self._is_over(self._granted):
                return
            granted = await exec_plugin.run(plugin, self._credentials)
            if granted.client_cert:
                await self._on_certificate(granted.client_cert, granted.client_key)
            self._granted, self._token = granted, granted.token

    def _is_over(self, granted: Granted) -> bool:
        return granted.expires_at is not None and self._now() >= granted.expires_at - _EXPIRY_MARGIN

    def _read_file(self, path: Path) -> None:
        uptime_s = asyncio.get_running_loop().time()
        if self._token_read_at is not None and uptime_s - self._token_read_at < _TOKEN_FILE_FRESH_S:
            return
        try:
            self._token = path.read_text().strip()
        except OSError as error:
            raise Failed(f"{self._credentials.source}: cannot read the token file {path}: {error}") from error
        self._token_read_at = uptime_s
