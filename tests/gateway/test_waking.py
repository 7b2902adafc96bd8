"""Who wakes a preview, who waits for it, and how long."""

from __future__ import annotations

import asyncio
import re

import pytest
from msgspec.structs import replace

from kubepreview.core.gatekeeping import STATE_PATH, Ration
from kubepreview.core.gateway import STATE_HEADER
from kubepreview.gateway.holding import HoldLimits
from kubepreview.gateway.metrics import Metrics
from kubepreview.gateway.serve import ConnectionLimits
from kubepreview.gateway.waking import Rations

from .place import HOST, Limits, asleep, awake, place, preview

_GET = f"GET / HTTP/1.1\nHost: {HOST}"
_BROWSER = f"{_GET}\nAccept: text/html,application/xhtml+xml\nSec-Fetch-Mode: navigate"


async def _answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    body = await reader.readexactly(int(length[1])) if length else b""
    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def test_a_request_is_held_and_then_answered_by_the_preview() -> None:
    """With its body, which nobody has read meanwhile."""
    body = b"x" * 1_000_000
    async with preview(_answering) as endpoint, place() as here, here.visitor() as visitor:
        here.tell(asleep())
        async with asyncio.TaskGroup() as group:
            group.create_task(
                visitor.say(f"POST /items HTTP/1.1\nHost: {HOST}\nContent-Length: {len(body)}", body)
            )
            await here.knocked.wait()
            here.tell(asleep(state="Waking"))
            here.tell(awake(endpoint))
            answer = await visitor.answer()

    assert (answer.code, answer.body) == (201, body)
    assert here.knocks == ["pr-7"]
    assert STATE_HEADER not in answer.headers


async def test_many_who_wait_are_one_knock() -> None:
    """And all are answered."""
    async with preview(_answering) as endpoint, place() as here:
        here.tell(asleep())
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(here.ask(_GET)) for _ in range(50)]
            await here.knocked.wait()
            here.tell(awake(endpoint))

    assert [task.result().code for task in asking] == [201] * 50
    assert here.knocks == ["pr-7"]


async def test_a_host_that_is_given_back_meanwhile_is_still_led_to_its_pods() -> None:
    """The ingress follows a moment later; whoever comes in that moment is led on."""
    async with preview(_answering) as endpoint, place() as here:
        here.tell(awake(endpoint))
        here.give_back("pr-7")
        later = await here.ask(_GET)

    assert later.code == 201


async def test_an_apiserver_that_cannot_be_told_is_told_later() -> None:
    """The request waits on."""
    async with preview(_answering) as endpoint, place() as here:
        here.is_deaf = True
        here.tell(asleep())
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(here.ask(_GET))
            await here.knocked.wait()
            here.is_deaf = False
            here.knocked.clear()
            await here.knocked.wait()
            here.tell(awake(endpoint))

    assert asking.result().code == 201
    assert here.knocks == ["pr-7", "pr-7"]


async def test_an_unknown_host_costs_nobody_a_call() -> None:
    """404, from a table."""
    async with place() as here:
        here.tell(asleep())
        answers = [
            await here.ask(f"GET / HTTP/1.1\nHost: {host}") for host in ("x.example.com", "", HOST + ".")
        ]

    assert [answer.code for answer in answers] == [404] * 3
    assert here.knocks == []


@pytest.mark.parametrize(
    "agent",
    [
        "kubepreview-probe/1.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
        "our-smoke-test/3",
    ],
)
async def test_agents_that_nobody_waits_behind_wake_nothing(agent: str) -> None:
    """Known ones, and the project's own; they are told so."""
    async with place() as here:
        here.tell(asleep(passive_agents=("Smoke-Test",)))
        answer = await here.ask(f"{_BROWSER}\nUser-Agent: {agent}")

    assert (answer.code, answer.headers[STATE_HEADER]) == (503, "Asleep")
    assert here.knocks == []


async def test_a_browser_gets_a_page_that_turns_into_the_preview() -> None:
    """It asks to wake, nothing runs in it but what its policy names, and it looks how far things are."""
    async with preview(_answering) as endpoint, place() as here:
        here.tell(asleep())
        page = await here.ask(_BROWSER)
        looks = [await here.ask(f"GET {STATE_PATH} HTTP/1.1\nHost: {HOST}")]
        here.tell(asleep(state="Failed", message="</script><b>no"))
        looks.append(await here.ask(f"GET {STATE_PATH} HTTP/1.1\nHost: {HOST}"))
        failed = await here.ask(_BROWSER)
        here.tell(awake(endpoint))
        at_last = await here.ask(_BROWSER)

    assert (page.code, page.headers["cache-control"], page.headers[STATE_HEADER]) == (
        503,
        "no-store",
        "Asleep",
    )
    assert "retry-after" in page.headers
    assert b'http-equiv="refresh"' in page.body
    assert HOST.encode() in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert [look.headers[STATE_HEADER] for look in looks] == ["Asleep", "Failed"]
    assert b"&lt;b&gt;no" in failed.body
    assert b"<b>no" not in failed.body
    assert at_last.code == 201
    assert here.knocks == ["pr-7"]


async def test_one_that_cannot_wake_says_why() -> None:
    """503 and the reason, at once."""
    async with place() as here:
        here.tell(asleep(state="Failed", message="Pod web: CrashLoopBackOff"))
        answer = await here.ask(_GET)

    assert (answer.code, answer.body) == (503, b"Pod web: CrashLoopBackOff\n")
    assert "retry-after" in answer.headers


async def test_one_that_does_not_wake_in_time_says_so() -> None:
    """503 and the limit."""
    async with place(Limits(hold=HoldLimits(hold_s=0.05))) as here:
        here.tell(asleep())
        answer = await here.ask(_GET)

    assert answer.code == 503
    assert b"did not wake within 0.05 s" in answer.body
    assert "retry-after" in answer.headers


async def test_anonymous_visitors_cannot_wake_everything_at_once() -> None:
    """Over the ration nobody is told, and the visitor hears when to come again; also on the page."""
    rations = Rations(overall=Ration(burst=2, per_minute=6), per_host=Ration(burst=1, per_minute=6))
    hosts = [f"pr-{number}.example.com" for number in range(4)]
    async with place(Limits(rations=rations, hold=HoldLimits(hold_s=0.05))) as here:
        for host in hosts:
            here.tell(asleep(host))
        answers = [await here.ask(f"GET / HTTP/1.1\nHost: {host}") for host in hosts]
        page = await here.ask(_BROWSER.replace(HOST, hosts[3]))

    assert [answer.code for answer in answers] == [503, 503, 429, 429]
    assert here.knocks == ["pr-0", "pr-1"]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 10
    assert b"Many previews are waking" in page.body


async def test_only_so_many_may_wait() -> None:
    """For one preview and in all; the next one hears so at once, and a place that is left is free."""
    async with preview(_answering) as endpoint, place(Limits(hold=HoldLimits(held_per_host=1))) as here:
        here.tell(asleep())
        async with here.visitor() as first:
            await first.say(_GET)
            await here.knocked.wait()
            refused = await here.ask(_GET)
        await _until_held(here.metrics, 0)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(here.ask(_GET))
            await _until_held(here.metrics, 1)
            here.tell(awake(endpoint))

    assert (refused.code, refused.body) == (503, b"too many requests wait already\n")
    assert asking.result().code == 201


async def _until_held(metrics: Metrics, many: int) -> None:
    async with asyncio.timeout(5):
        while metrics.registry.get_sample_value("kubepreview_gateway_held_requests") != many:  # noqa: ASYNC110 — a gauge has no event
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 503),
        (f"GET / HTTP/1.1\r\nHost: {HOST}\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        (f"GET http://other/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n", 400),
        (f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n", 400),
        (f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX: {'x' * 200_000}\r\n\r\n", 431),
        ("\x16\x03\x01 no HTTP\r\n\r\n", 400),
    ],
    ids=["two framings", "two hosts", "no host", "another target", "CONNECT", "large", "TLS"],
)
async def test_odd_requests_are_refused(said: str, code: int) -> None:
    """Each gets an answer, and the connection ends: nothing after it is taken for a request.

    With two framings h11 takes the one that RFC 9112 says holds, and it alone is passed on.
    """
    async with place(Limits(hold=HoldLimits(hold_s=0.05))) as here, here.visitor() as visitor:
        here.tell(asleep())
        await visitor.say_raw(said.encode("latin-1"))
        answer = await visitor.answer()
        if code == 503:
            await visitor.say_raw(b"0\r\n\r\n")
        rest = await visitor.rest()

    assert (answer.code, rest) == (code, b"")


async def test_a_head_that_never_ends_is_not_waited_for() -> None:
    """The connection is ended, without a word."""
    slow = replace(ConnectionLimits(), head_s=0.05)
    async with place(Limits(connections=slow)) as here, here.visitor() as visitor:
        await visitor.say_raw(b"GET / HTTP/1.1\r\nHost: a\r\n")
        rest = await visitor.rest()

    assert rest == b""


async def test_more_connections_than_it_bears_are_told_so() -> None:
    """And those that are there stay."""
    few = replace(ConnectionLimits(), connections=1)
    async with place(Limits(connections=few)) as here, here.visitor() as first:
        here.tell(asleep())
        await first.say(f"GET {STATE_PATH} HTTP/1.1\nHost: {HOST}")
        refused = await here.ask(f"GET {STATE_PATH} HTTP/1.1\nHost: {HOST}")
        told = await first.answer()

    assert (refused.code, refused.body) in ((503, b"too many connections\n"), (200, told.body))
    assert told.code == 200


async def test_whoever_leaves_finishes_what_is_under_way() -> None:
    """A request that is held is answered; connections without one end, and carry no other."""
    async with (
        preview(_answering) as endpoint,
        place() as here,
        here.visitor() as busy,
        here.visitor() as idle,
    ):
        here.tell(asleep())
        await busy.say(_GET)
        await here.knocked.wait()
        await here.gateway.leave()
        nothing = await idle.rest()
        here.tell(awake(endpoint))
        answer = await busy.answer()
        end = await busy.rest()

    assert (nothing, answer.code, end) == (b"", 201, b"")
