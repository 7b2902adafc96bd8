"""The ways in which GitHub fails on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final, Literal, get_args

from starlette.responses import JSONResponse, Response, StreamingResponse

Fault = Literal[
    "500", "502 with HTML", "200 with HTML", "an empty list", "half a body", "silence", "404", "429", "limit"
]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
_HTML: Final = "<!DOCTYPE html><title>Unicorn!</title>"
NOT_FOUND: Final = {
    "message": "Not Found",
    "documentation_url": "https://docs.github.com/rest",
    "status": "404",
}
# A reset that lies in the past, as for a client whose clock is late.
_LIMIT: Final = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767225600"}
_FAULTY: Final[Mapping[Fault, Response]] = {
    "500": JSONResponse({"message": "Server Error"}, 500),
    "502 with HTML": Response(_HTML, 502, media_type="text/html"),
    "200 with HTML": Response(_HTML, 200, media_type="text/html"),
    "an empty list": JSONResponse([]),
    "404": JSONResponse(NOT_FOUND, 404),
    "429": JSONResponse({"message": "You have exceeded a secondary rate limit"}, 429, {"Retry-After": "2"}),
    "limit": JSONResponse({"message": "API rate limit exceeded"}, 403, _LIMIT),
}


async def faulty(fault: Fault) -> Response:
    """The answer that is none."""
    if fault == "silence":
        await asyncio.sleep(60)
    if fault == "half a body":
        return cut()
    return _FAULTY.get(fault, Response(status_code=504))


def cut() -> Response:
    """The line is cut in the middle of the answer."""
    return StreamingResponse(_half(), 200, {"Content-Length": "5000"}, "application/json")


async def _half() -> AsyncIterator[bytes]:
    yield b'{"number": 1, "state": "closed", '
    raise ConnectionError("as if the line was cut")
