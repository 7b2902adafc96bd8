"""What a preview is sent, and what a visitor gets back: every byte of it, and nothing of another's."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .place import HOST, Visitor, awake, place, preview

_GET = f"GET / HTTP/1.1\nHost: {HOST}"
_MOST_BYTES = 3_000_000


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each request with its head and its body, in the framing that the request had."""
    hearing = Visitor(reader=reader, writer=writer)
    with suppress(asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().lower().strip().split("\r\n")[1:])
            framed = "content-length" in fields or "transfer-encoding" in fields
            body = await hearing.body(fields) if framed else b""
            said = head + body
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Seen: yes\r\n\r\n")
            writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(said), said))
            await writer.drain()


async def test_a_request_arrives_as_it_was_sent() -> None:
    """Method, target, fields and a body larger than any buffer; and so does the answer."""
    body = b"0123456789" * (_MOST_BYTES // 10)
    head = f"PUT /a/b?c=d%20e HTTP/1.1\nHost: {HOST}\nX-Forwarded-For: 1.2.3.4\nContent-Length: {len(body)}"
    async with preview(_echo) as endpoint, place() as here:
        here.tell(awake(endpoint))
        answer = await here.ask(head, body)

    seen, _, returned = answer.body.partition(b"\r\n\r\n")
    assert (answer.code, answer.headers["x-seen"]) == (200, "yes")
    assert seen.decode().split("\r\n")[0] == "PUT /a/b?c=d%20e HTTP/1.1"
    assert "x-forwarded-for: 1.2.3.4" in seen.decode().lower()
    assert returned == body


@given(chunks=st.lists(st.binary(min_size=1, max_size=200), max_size=6))
def test_any_chunks_arrive_as_one_body(chunks: list[bytes]) -> None:
    """However it is cut."""

    async def told() -> bytes:
        async with preview(_echo) as endpoint, place() as here:
            here.tell(awake(endpoint))
            said = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
            return (await here.ask(f"{_GET}\nTransfer-Encoding: chunked".replace("GET", "POST"), said)).body

    assert asyncio.run(told()).partition(b"\r\n\r\n")[2] == b"".join(chunks)


async def test_requests_of_two_hosts_on_one_connection_never_mix() -> None:
    """An ingress keeps its connections, and sends requests for anybody on them; also without waiting."""
    other = "pr-8.example.com"

    async def named(name: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + name)

    async with (
        preview(lambda r, w: named(b"7", r, w)) as seven,
        preview(lambda r, w: named(b"8", r, w)) as eight,
        place() as here,
        here.visitor() as visitor,
    ):
        here.tell(awake(seven))
        here.tell(awake(eight, other))
        for _ in range(3):
            await visitor.say(_GET)
            await visitor.say(f"GET / HTTP/1.1\nHost: {other}:8080")
        answers = [(await visitor.answer()).body for _ in range(6)]

    assert answers == [b"7", b"8"] * 3


@pytest.mark.parametrize("code", [200, 204, 304, 404])
async def test_answers_without_a_body_end_where_they_end(code: int) -> None:
    """HEAD, and the codes that have none: the connection carries the next request."""

    async def bodiless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        length = "" if code == 204 else "Content-Length: 9\r\n"
        writer.write(f"HTTP/1.1 {code} X\r\n{length}\r\n".encode())

    async with preview(bodiless) as endpoint, place() as here, here.visitor() as visitor:
        here.tell(awake(endpoint))
        seen = []
        for _ in range(2):
            await visitor.say(_GET.replace("GET", "HEAD"))
            seen.append((await visitor.answer(to_head=True)).code)

    assert seen == [code, code]


async def test_a_body_is_sent_when_the_preview_asks_for_it() -> None:
    """`Expect: 100-continue` is the preview's to answer."""

    async def careful(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(4)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + body)

    async with preview(careful) as endpoint, place() as here, here.visitor() as visitor:
        here.tell(awake(endpoint))
        await visitor.say(f"POST / HTTP/1.1\nHost: {HOST}\nContent-Length: 4\nExpect: 100-continue")
        assert (await visitor.answer()).code == 100
        await visitor.say_raw(b"body")
        assert (await visitor.answer()).body == b"body"


async def test_a_refusal_before_the_end_of_the_body_is_passed_back() -> None:
    """The preview answers, and reads no more: the visitor is told all the same."""

    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        await writer.drain()

    async with preview(refusing) as endpoint, place() as here, here.visitor() as visitor:
        here.tell(awake(endpoint))
        await visitor.say(f"POST / HTTP/1.1\nHost: {HOST}\nContent-Length: {_MOST_BYTES}", b"x" * 1000)
        answer = await visitor.answer()

    assert (answer.code, answer.body) == (413, b"big")


async def test_a_websocket_is_passed_through_until_both_have_ended() -> None:
    """After 101 both speak as they like; one that has ended still hears the other's last word."""

    async def echoing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"upgrade: websocket" in head.lower()
        assert b"sec-websocket-key: k" in head.lower()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello"
        )
        while data := await reader.read(100):
            writer.write(b"<" + data + b">")
        writer.write(b"bye")

    async with preview(echoing) as endpoint, place() as here, here.visitor() as visitor:
        here.tell(awake(endpoint))
        upgrade = "Connection: keep-alive, Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: k"
        await visitor.say(f"{_GET}\n{upgrade}")
        answer = await visitor.answer()
        first = await visitor.reader.readexactly(5)
        await visitor.say_raw(b"\x00raw")
        second = await visitor.reader.readexactly(6)
        visitor.writer.write_eof()
        last = await visitor.rest()

    assert (answer.code, answer.headers["upgrade"]) == (101, "websocket")
    assert (first, second, last) == (b"hello", b"<\x00raw>", b"bye")


async def test_what_concerns_one_connection_is_not_passed_on() -> None:
    """RFC 9110, section 7.6.1: nor what the field Connection names."""
    hops = "Connection: X-Hop\nX-Hop: 1\nKeep-Alive: timeout=5\nTE: trailers\nProxy-Authorization: x"
    async with preview(_echo) as endpoint, place() as here:
        here.tell(awake(endpoint))
        seen = (await here.ask(f"{_GET}\n{hops}\nX-Kept: 1")).body.decode().lower()

    assert "x-kept" in seen
    assert not [field for field in ("x-hop", "keep-alive", "te:", "proxy-auth") if field in seen]


async def test_a_visitor_who_leaves_ends_the_request_at_the_preview() -> None:
    """Nothing runs for nobody."""
    is_over = asyncio.Event()

    async def patient(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        came.set()
        await reader.read()
        is_over.set()

    came = asyncio.Event()
    async with preview(patient) as endpoint, place() as here:
        here.tell(awake(endpoint))
        async with here.visitor() as visitor:
            await visitor.say(_GET)
            await came.wait()
        async with asyncio.timeout(5):
            await is_over.wait()


@pytest.mark.parametrize(
    ("said", "code"),
    [(b"", 502), (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 502), (b"no HTTP\r\n\r\n", 502)],
    ids=["hangs up", "bad framing", "no HTTP"],
)
async def test_a_preview_that_answers_nonsense_is_said_to(said: bytes, code: int) -> None:
    """The visitor gets an answer, and it says whose fault it is."""

    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)

    async with preview(odd) as endpoint, place() as here:
        here.tell(awake(endpoint))
        answer = await here.ask(_GET)

    assert answer.code == code
    assert b"the preview gave no answer" in answer.body


async def test_an_answer_that_breaks_off_is_not_made_to_look_whole() -> None:
    """The connection ends in the middle, as it did behind the gateway."""

    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    async with preview(broken) as endpoint, place() as here, here.visitor() as visitor:
        here.tell(awake(endpoint))
        await visitor.say(_GET)
        with pytest.raises(asyncio.IncompleteReadError):
            await visitor.answer()


async def test_pods_that_cannot_be_reached_are_passed_over() -> None:
    """The next one is asked; nothing was sent to the first."""
    async with preview(_echo) as endpoint, place() as here:
        here.tell(awake("127.0.0.1:1"))
        nobody = await here.ask(_GET)
        sleeper = awake(endpoint)
        here.tell(type(sleeper)(name="pr-7", host=HOST, state="Awake", endpoints=("127.0.0.1:1", endpoint)))
        somebody = await here.ask(_GET)

    assert (nobody.code, nobody.headers["retry-after"]) == (503, "1")
    assert somebody.code == 200
