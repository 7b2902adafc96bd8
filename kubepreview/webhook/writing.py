"""Writes what was noted into the cluster: all of a moment at once, and again until it is there."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from kubepreview.core import hints, keys
from kubepreview.errors import KubepreviewError
from kubepreview.kube.client import Client
from kubepreview.kube.retry import Backoff
from kubepreview.webhook.receive import Noted

log = structlog.stdlib.get_logger()

_MANAGER: Final = f"{keys.MANAGER}-webhook"
# More than previews change in the time that a controller needs to look.
_MOST: Final = 500
_TOGETHER_S: Final = 0.2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0


class Writer:
    """The newest hints. The oldest are forgotten: what nobody hints at is looked at in its turn."""

    def __init__(self, cluster: Client) -> None:
        self._cluster = cluster
        self._hints: dict[str, str] = {}
        self._changed = asyncio.Event()

    def note(self, noted: Noted) -> None:
        """Take a hint; it is written soon."""
        self._hints.pop(noted.hint.key, None)
        while len(self._hints) >= _MOST:
            del self._hints[next(iter(self._hints))]
        self._hints[noted.hint.key] = noted.delivery
        self._changed.set()

    async def run(self) -> None:
        """For ever."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while True:
            await self._changed.wait()
            await asyncio.sleep(_TOGETHER_S)
            self._changed.clear()
            try:
                await self._cluster.apply(hints.config_map(self._hints), manager=_MANAGER)
                backoff.reset()
            except KubepreviewError as error:
                pause_s = backoff.next_s()
                log.warning("hints not written", error=error.message, again_after_s=round(pause_s, 1))
                self._changed.set()
                await asyncio.sleep(pause_s)
