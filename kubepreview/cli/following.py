"""One object, followed until the caller has seen enough: read, watch, and read again after a break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec

from kubepreview.core.model import Object
from kubepreview.errors import KubepreviewError, Unreachable
from kubepreview.kube import frames, lines
from kubepreview.kube.client import Client
from kubepreview.kube.errors import Forbidden, NoAnswer
from kubepreview.kube.resources import Resource
from kubepreview.kube.retry import Backoff
from kubepreview.kube.session import Call

# An apiserver sends a bookmark every minute; with none for longer, the connection is dead.
_SILENCE_S = 70.0
_WATCH_FOR_S = 240
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


class Follower:
    """Follows one object. `trouble` is why the server cannot be heard at the moment, if it cannot."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        *,
        name: str,
        namespace: str,
        on_trouble: Callable[[KubepreviewError], None],
    ) -> None:
        self._client = client
        self._resource = resource
        self._name = name
        self._namespace = namespace
        self._on_trouble = on_trouble
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self.trouble: KubepreviewError | None = None

    async def states(self) -> AsyncGenerator[Object | None, None]:
        """The object as it is now, and again each time it may look different; None while it is not there.

        Never ends by itself, and survives a server that does not answer: the caller has the deadline.
        """
        while True:
            try:
                found = await self._client.find(self._resource, self._name, self._namespace)
                self.trouble = None
                yield found
                if found is not None:
                    async with aclosing(self._changes(found["metadata"]["resourceVersion"])) as changes:
                        async for change in changes:
                            yield change
            except (Unreachable, Forbidden) as error:
                # Who may write it may read it: an apiserver that has just started says no for a moment.
                if self.trouble is None:
                    self._on_trouble(error)
                self.trouble = error
            await asyncio.sleep(self._backoff.next_s())

    async def _changes(self, version: str) -> AsyncGenerator[Object | None, None]:
        """What is said of it after that version, until the server ends the watch or forgot the version."""
        call = Call(
            method="GET",
            path=self._resource.path(self._namespace),
            params={
                "watch": "true",
                "allowWatchBookmarks": "true",
                "fieldSelector": f"metadata.name={self._name}",
                "resourceVersion": version,
                "timeoutSeconds": _WATCH_FOR_S,
            },
        )
        async with (
            self._client.stream(call, silence_s=_SILENCE_S) as chunks,
            aclosing(lines.split(chunks)) as each,
        ):
            async for line in each:
                frame = _frame(line)
                if frame.type == "ERROR":
                    return
                self._backoff.reset()
                if frame.type != "BOOKMARK":
                    yield None if frame.type == "DELETED" else msgspec.json.decode(frame.object)


def _frame(line: bytes) -> frames.Frame:
    try:
        return frames.frame.decode(line)
    except msgspec.MsgspecError as error:
        raise NoAnswer(f"watch: not what an apiserver says: {error}") from error
