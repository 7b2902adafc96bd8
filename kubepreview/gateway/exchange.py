"""One request of a visitor, passed on to a preview, and its answer passed back: both as they come.

Law: each message is parsed and framed anew, so that no byte of one is ever taken for the beginning of the
next. Nothing is kept: what one side does not take yet is not read from the other. Only after a `101` do both
sides speak as they like, until either ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

import h11

CHUNK_BYTES: Final = 64 * 1024
MOST_HEAD_BYTES: Final = 64 * 1024
# RFC 9110, section 7.6.1: what is said to the next hop only. Upgrade is kept: the preview is whom it is for.
_HOP_BY_HOP: Final = frozenset(
    {b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer"}
)

Headers = list[tuple[bytes, bytes]]
Event = h11.Event | type[h11.PAUSED]


class VisitorGone(ConnectionError):
    """Nobody waits for the answer any more."""


class Side:
    """One end of an exchange: a connection, and what it has said of the current message.

    `silence_s`: for how long it may neither say nor take anything while it is its turn.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        role: type[h11.CLIENT | h11.SERVER],
        *,
        silence_s: float,
    ) -> None:
        self._reader, self._writer = reader, writer
        self.h11 = h11.Connection(role, max_incomplete_event_size=MOST_HEAD_BYTES)
        self._silence_s = silence_s

    @property
    def is_reusable(self) -> bool:
        """Whether the message and its answer have both ended, and another may follow."""
        return self.h11.our_state is h11.DONE and self.h11.their_state is h11.DONE

    async def begins(self) -> bool:
        """Wait until it says anything at all; False when it ends instead."""
        return bool(self.h11.trailing_data[0]) or await self._hear() > 0

    async def event(self) -> Event:
        """The next thing that it says; TimeoutError when it says nothing for too long."""
        while (event := self.h11.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(self._silence_s):
                await self._hear()
        return event  # type: ignore[return-value]  # NEED_DATA is the only other one, which mypy cannot see

    async def gone(self) -> None:
        """Return when it ends. What it says meanwhile is kept for `event`, and soon no more is heard."""
        heard = 0
        while heard < CHUNK_BYTES:
            now = await self._hear()
            if not now:
                return
            heard += now
        await asyncio.Event().wait()

    async def send(self, event: h11.Event) -> None:
        """Say it, and wait until it is taken."""
        if data := self.h11.send(event):
            await self.send_raw(data, within_s=self._silence_s)

    async def send_raw(self, data: bytes, *, within_s: float | None = None) -> None:
        """Say this, which is no HTTP any more."""
        self._writer.write(data)
        async with asyncio.timeout(within_s):
            await self._writer.drain()

    async def raw(self) -> bytes:
        """What it says once it is no HTTP any more; empty at its end. A WebSocket may be silent for ever."""
        return await self._reader.read(CHUNK_BYTES)

    def end_sending(self) -> None:
        """Say nothing more, and go on hearing."""
        if self._writer.can_write_eof():
            self._writer.write_eof()

    async def linger(self, for_s: float) -> None:
        """Let it finish what it is saying: to close on somebody who speaks takes back what he was told."""
        try:
            async with asyncio.timeout(for_s):
                self.end_sending()
                while await self._reader.read(CHUNK_BYTES):
                    pass
        except (OSError, TimeoutError):
            return

    async def close(self) -> None:
        """End it, both ways."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return

    async def _hear(self) -> int:
        data = await self._reader.read(CHUNK_BYTES)
        self.h11.receive_data(data)
        return len(data)


async def pass_on(request: h11.Request, visitor: Side, preview: Side) -> None:
    """The whole exchange. Raises what ended it before its end; whoever calls closes the preview's side.

    `visitor.is_reusable` tells afterwards whether the connection can carry another request.
    """
    passed = h11.Request(method=request.method, target=request.target, headers=_passed(request.headers))
    await preview.send(passed)
    sending = asyncio.ensure_future(_send_body(visitor, preview))
    answering = asyncio.ensure_future(_answer(visitor, preview))
    try:
        await asyncio.wait((sending, answering), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            sending.result()
        has_switched = answering.result()
    finally:
        for each in (sending, answering):
            each.cancel()
        await asyncio.gather(sending, answering, return_exceptions=True)
    if has_switched:
        await _splice(visitor, preview)


async def _send_body(visitor: Side, preview: Side) -> None:
    """Send it, and then stay to see whether the visitor is still there; ends by raising only."""
    try:
        while not isinstance(event := await visitor.event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise VisitorGone("the visitor ended the request in the middle")
            await _to_preview(preview, h11.Data(data=event.data))
        await _to_preview(preview, h11.EndOfMessage())
    except _PreviewHears:
        # It has answered already, and reads no more: what it answered is still to be passed back.
        pass
    await visitor.gone()
    raise VisitorGone("the visitor has gone")


class _PreviewHears(Exception):
    """It has heard enough."""


async def _to_preview(preview: Side, event: h11.Event) -> None:
    try:
        await preview.send(event)
    except OSError as error:
        raise _PreviewHears from error


async def _answer(visitor: Side, preview: Side) -> bool:
    """The answer, whole; whether it is that the protocol changes."""
    while True:
        event = await preview.event()
        if isinstance(event, h11.InformationalResponse | h11.Response):
            await visitor.send(
                type(event)(
                    status_code=event.status_code, headers=_passed(event.headers), reason=event.reason
                )
            )
            if event.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
                return True
        elif isinstance(event, h11.Data):
            await visitor.send(h11.Data(data=event.data))
        elif isinstance(event, h11.EndOfMessage):
            await visitor.send(h11.EndOfMessage())
            return False
        else:
            raise ConnectionError("the preview ended its answer in the middle")


async def _splice(visitor: Side, preview: Side) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_pump(visitor, preview))
        group.create_task(_pump(preview, visitor))


async def _pump(source: Side, sink: Side) -> None:
    rest, _ = source.h11.trailing_data
    while rest or (rest := await source.raw()):
        await sink.send_raw(rest)
        rest = b""
    sink.end_sending()


def _passed(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    listed = list(headers)
    connection = {
        token.strip().lower()
        for name, value in listed
        if name.lower() == b"connection"
        for token in value.split(b",")
    }
    is_upgrade = b"upgrade" in connection
    dropped = _HOP_BY_HOP | connection | {b"connection", b"upgrade"}
    kept = [(name, value) for name, value in listed if name.lower() not in dropped]
    if not is_upgrade:
        return kept
    upgrades = [(name, value) for name, value in listed if name.lower() == b"upgrade"]
    return [*kept, *upgrades, (b"connection", b"upgrade")]
