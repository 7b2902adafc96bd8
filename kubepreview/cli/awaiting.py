"""Waiting for one Preview, with a deadline, a display, and an account of what was seen last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from kubepreview.cli import previews
from kubepreview.cli.outcome import Asked, Ended, Waiting
from kubepreview.cli.streams import Streams
from kubepreview.cli.waiting import Progress, progress
from kubepreview.core.model import Preview
from kubepreview.core.wire import Object
from kubepreview.errors import Failed, NotReady, Unreachable
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.together import as_one
from kubepreview.kube.watch import Reflector

# A controller that runs says its first word within a second; after this long, somebody should look.
_SILENT_S = 10.0
_NO_CONTROLLER = "no controller has looked at this preview yet; `kubepreview doctor` tells whether one runs"


class Wait(Struct, frozen=True, kw_only=True):
    """What is awaited: `judge` decides from the object, `what` says it in words."""

    what: str
    judge: Callable[[Preview, Asked], Waiting | Ended]
    timeout_s: float


def asked_by(written: Preview) -> Asked:
    """What a write asked for, from the object that the apiserver made of it."""
    return Asked(
        uid=written.metadata.uid,
        generation=written.metadata.generation,
        revision=written.spec.revision,
    )


async def until(client: Client, written: Preview, wait: Wait, streams: Streams) -> Preview:
    """The Preview at the end of the wait; raises what ended it otherwise."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with progress(streams, lambda: loop.time() - began) as shown:
        silent = loop.call_later(_SILENT_S, lambda: shown.note(_NO_CONTROLLER))
        try:
            return await _Waiter(client, written, shown, silent).until(wait)
        finally:
            silent.cancel()


class _Waiter:
    def __init__(
        self, client: Client, written: Preview, shown: Progress, silent: asyncio.TimerHandle
    ) -> None:
        self._asked = asked_by(written)
        self._key = written.metadata.namespace, written.metadata.name
        self._name = "/".join(self._key)
        self._shown = shown
        self._silent = silent
        self._seen = ""
        self._changed = asyncio.Event()
        self._reflector: Reflector[Object] = Reflector(
            client,
            PREVIEWS,
            namespace=written.metadata.namespace,
            fields=f"metadata.name={written.metadata.name}",
            on_change=lambda _: self._changed.set(),
            on_trouble=lambda error: shown.note(f"{error.message}; trying on"),
        )

    async def until(self, wait: Wait) -> Preview:
        async with as_one() as group:
            following = group.create_task(self._reflector.run())
            try:
                async with asyncio.timeout(wait.timeout_s) as deadline:
                    return await self._until(wait)
            except TimeoutError as error:
                if not deadline.expired():
                    raise
                raise self._too_late(wait) from error
            finally:
                following.cancel()

    async def _until(self, wait: Wait) -> Preview:
        await self._reflector.synced.wait()
        while True:
            self._changed.clear()
            preview = self._existing()
            if self._is_over(wait.judge(preview, self._asked)):
                return preview
            await self._changed.wait()

    def _existing(self) -> Preview:
        found = self._reflector.store.get(self._key)
        if found is None:
            raise Failed(f"Preview {self._name} was deleted while it was awaited")
        preview = previews.decode(found)
        if preview.status.observed_generation:
            self._silent.cancel()
        return preview

    def _is_over(self, result: Waiting | Ended) -> bool:
        self._shown.show(result.steps)
        if isinstance(result, Waiting):
            self._seen = result.seen
            return False
        if result.error:
            raise result.error
        return True

    def _too_late(self, wait: Wait) -> NotReady | Unreachable:
        account = f"Preview {self._name}: {wait.what}: not seen in {wait.timeout_s:g} s"
        if self._reflector.trouble:
            return Unreachable(f"{account}; the cluster does not answer: {self._reflector.trouble.message}")
        if not self._seen:
            return NotReady(
                f"{account}; the controller said nothing of it",
                hint="`kubepreview doctor` tells whether one runs; `kubepreview install` puts one there",
            )
        return NotReady(
            f"{account}; last seen: {self._seen}",
            hint="it goes on by itself; wait longer with --timeout, or look with `kubepreview status`",
        )
