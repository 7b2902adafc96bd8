"""A store that follows the apiserver: list once, watch on, and mend whatever breaks.

One `Reflector` a kind. Its store equals what a fresh list would give, a moment ago; after a break it
resumes from the last version seen, or lists again when the server has forgotten that version, and
then also tells of what vanished meanwhile. It is never told *what* happened to an object, only *which*:
whoever is called reads the store.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Generic, TypeVar

import msgspec

from kubepreview.errors import Failed, KubepreviewError
from kubepreview.kube import frames, lines, paging
from kubepreview.kube.client import Client
from kubepreview.kube.errors import ApiError, Gone, KindNotServed, NoAnswer, from_status
from kubepreview.kube.resources import Resource
from kubepreview.kube.retry import Backoff
from kubepreview.kube.session import Call
from kubepreview.kube.store import Key, Store

T = TypeVar("T")
P = TypeVar("P")

# An apiserver sends a bookmark every minute; with none for longer, the connection is dead.
_SILENCE_S = 70.0
# The server ends a watch after this time; spread, so that many watches do not come back at once.
_WATCH_FOR_S = (240, 480)
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 3.0


class Reflector(Generic[T]):
    """Keeps `store` equal to the objects of one kind; `run` it in a task for as long as it is wanted.

    `labels` and `fields` are selectors. `decode` makes of an object's JSON what the store keeps: by default
    the whole mapping (an Object); a ``msgspec.json.Decoder(SomeStruct).decode`` keeps a few fields, several
    times faster and leaner.
    `on_change` is called with each key that may look different; it must not block. `on_trouble` is told
    why the server cannot be heard any more, which `trouble` shows until it can.
    """

    def __init__(  # noqa: PLR0913 — what to follow, how to keep it, and whom to tell
        self,
        client: Client,
        resource: Resource,
        *,
        namespace: str = "",
        labels: str = "",
        fields: str = "",
        decode: Callable[[bytes], T] | None = None,
        on_change: Callable[[Key], None] = lambda _: None,
        on_trouble: Callable[[KubepreviewError], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._resource = resource
        self._path = resource.path(namespace)
        self._selectors = {"labelSelector": labels, "fieldSelector": fields}
        self._decode = decode or self._whole
        self._on_change = on_change
        self._on_trouble = on_trouble
        self._version = ""
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self.store: Store[T] = Store()
        self.synced = asyncio.Event()
        self.trouble: KubepreviewError | None = None

    async def run(self) -> None:
        """Follow for ever. Raises only Failed, when `decode` cannot read an object."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except Gone:
                # The server has forgotten our version. Nothing is wrong, but all has to be read again.
                self._version = ""
                await asyncio.sleep(self._backoff.next_s())
            except (NoAnswer, KindNotServed, ApiError) as error:
                if self.trouble is None:
                    self._on_trouble(error)
                self.trouble = error
                await asyncio.sleep(self._backoff.next_s())

    async def _list(self) -> None:
        entries: dict[Key, tuple[str, T]] = {}
        token = version = ""
        while True:
            params = {**self._selectors, **paging.page_params(token)}
            body = await self._client.read(Call(method="GET", path=self._path, params=params), self._resource)
            page = self._parse(frames.page, body)
            for item in page.items or ():
                meta = self._parse(frames.head, item).metadata
                entries[meta.key] = meta.resource_version, self._object(meta.key, item)
            token, version = page.metadata.token, page.metadata.resource_version
            if not token:
                break
        touched = self.store.replace(entries)
        self._version = version
        self.synced.set()
        self.trouble = None
        for key in touched:
            self._on_change(key)

    async def _watch(self) -> None:
        """Until the server ends it, which it does now and then; an error if it breaks."""
        heard = False
        async with (
            self._client.stream(self._watch_call(), silence_s=_SILENCE_S) as chunks,
            aclosing(lines.split(chunks)) as each,
        ):
            self.trouble = None
            async for line in each:
                self._take(self._parse(frames.frame, line))
                self._backoff.reset()
                heard = True
        if not heard:
            # A server, or something in between, that ends each watch at once must not make us spin.
            await asyncio.sleep(self._backoff.next_s())

    def _watch_call(self) -> Call:
        return Call(
            method="GET",
            path=self._path,
            params={
                **self._selectors,
                "watch": "true",
                "allowWatchBookmarks": "true",
                "resourceVersion": self._version,
                "timeoutSeconds": random.randint(*_WATCH_FOR_S),  # noqa: S311 — spread, not a secret
            },
        )

    def _take(self, frame: frames.Frame) -> None:
        if frame.type == "ERROR":
            # Whatever it is, the place in the stream is lost with it.
            self._version = ""
            raise from_status(msgspec.json.decode(frame.object), what=f"watch {self._path}")
        meta = self._parse(frames.head, frame.object).metadata
        if frame.type != "BOOKMARK":
            self._keep(frame, meta)
        self._version = meta.resource_version

    def _keep(self, frame: frames.Frame, meta: frames.Meta) -> None:
        if frame.type == "DELETED":
            is_changed = self.store.drop(meta.key)
        else:
            obj = self._object(meta.key, frame.object)
            is_changed = self.store.put(meta.key, meta.resource_version, obj)
        if is_changed:
            self._on_change(meta.key)

    def _object(self, key: Key, raw: msgspec.Raw) -> T:
        try:
            return self._decode(raw)
        except ValueError as error:
            where = "/".join(part for part in key if part)
            raise Failed(f"watch {self._path}: cannot read {self._resource.kind} {where}: {error}") from error

    def _whole(self, raw: bytes) -> Any:
        # The items of a list carry neither kind nor version; ours do, as objects do everywhere else.
        typed = {"apiVersion": self._resource.api_version, "kind": self._resource.kind}
        return {**typed, **msgspec.json.decode(raw)}

    def _parse(self, decoder: msgspec.json.Decoder[P], body: bytes) -> P:
        try:
            return decoder.decode(body)
        except ValueError as error:
            raise NoAnswer(f"watch {self._path}: not what an apiserver says: {error}") from error
