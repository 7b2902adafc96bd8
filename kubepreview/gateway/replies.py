"""The answers that the gateway gives itself. Each about a sleeping preview says so in a header."""

from __future__ import annotations

import math
from typing import Final

import h11
import msgspec
from msgspec import Struct

from kubepreview.core.gateway import STATE_HEADER, Sleeper
from kubepreview.gateway.exchange import Side
from kubepreview.gateway.page import POLICY, page

RETRY_AFTER_S: Final = 5.0
_HTML_HEADERS: Final = (("content-security-policy", POLICY), ("x-content-type-options", "nosniff"))


class Reply(Struct, frozen=True, kw_only=True):
    """Status code, body, and for a sleeper its state and when to come again."""

    code: int
    text: str
    content_type: str = "text/plain; charset=utf-8"
    state: str = ""
    retry_after_s: float | None = None
    headers: tuple[tuple[str, str], ...] = ()


BAD = Reply(code=400, text="this is no request to a preview\n")
UNKNOWN = Reply(code=404, text="no preview answers at this host\n")
HEAD_TOO_LARGE = Reply(code=431, text="the header fields of this request are too large\n")
TOO_MANY_CONNECTIONS = Reply(code=503, text="too many connections\n", retry_after_s=RETRY_AFTER_S)


def not_yet(sleeper: Sleeper, why: str, *, code: int = 503, after_s: float = RETRY_AFTER_S) -> Reply:
    """The preview cannot answer now, and why."""
    return Reply(code=code, text=f"{why}\n", state=sleeper.state, retry_after_s=after_s)


def state(sleeper: Sleeper) -> Reply:
    """What the waiting page looks at."""
    told = msgspec.json.encode({"state": sleeper.state, "message": sleeper.message}).decode()
    return Reply(code=200, text=told, content_type="application/json", state=sleeper.state)


def waiting(sleeper: Sleeper, wait_s: float) -> Reply:
    """The waiting page. 503, so that nothing takes it for what the preview has to say."""
    return Reply(
        code=503,
        text=page(sleeper, wait_s),
        content_type="text/html; charset=utf-8",
        state=sleeper.state,
        retry_after_s=max(wait_s, RETRY_AFTER_S),
        headers=_HTML_HEADERS,
    )


async def send(visitor: Side, reply: Reply, *, is_head: bool = False) -> None:
    """Answer, and end the connection: what else it says was not for us."""
    body = reply.text.encode()
    headers = [
        ("content-type", reply.content_type),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("connection", "close"),
        *reply.headers,
    ]
    if reply.state:
        headers.append((STATE_HEADER, reply.state))
    if reply.retry_after_s is not None:
        headers.append(("retry-after", str(math.ceil(max(reply.retry_after_s, 1.0)))))
    await visitor.send(h11.Response(status_code=reply.code, headers=headers))
    if not is_head:
        await visitor.send(h11.Data(data=body))
    await visitor.send(h11.EndOfMessage())
