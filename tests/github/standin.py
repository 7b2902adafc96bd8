"""A GitHub for tests: stateful, on this machine, and held to GitHub's own description of its API.

Every request that it gets and every answer that it gives is checked (`description`), and it fails on demand:
as a server that is not well, one that is silent, and one that sends half of an answer.
"""

from __future__ import annotations

import asyncio
import copy
import datetime as dt
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.github import description

TOKEN: Final = "ghs_" + "standin" * 5

Fault = Literal[
    "500", "502 with HTML", "200 with HTML", "an empty list", "half a body", "silence", "404", "429", "limit"
]
FAULTS: Final[tuple[Fault, ...]] = (
    *("500", "502 with HTML", "200 with HTML", "an empty list"),
    *("half a body", "silence", "404", "429", "limit"),
)
_HTML: Final = "<!DOCTYPE html><title>Unicorn!</title>"
_PULL: Final = "/repos/{owner}/{repo}/pulls/{pull_number}"
_ISSUE: Final = "/repos/{owner}/{repo}/issues/{issue_number}"
_NOT_FOUND: Final = {
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
    "404": JSONResponse(_NOT_FOUND, 404),
    "429": JSONResponse({"message": "You have exceeded a secondary rate limit"}, 429, {"Retry-After": "2"}),
    "limit": JSONResponse({"message": "API rate limit exceeded"}, 403, _LIMIT),
}


@dataclass
class PullRequest:
    """What the stand-in knows of one."""

    state: Literal["open", "closed"] = "open"
    is_merged: bool = False
    is_deleted: bool = False
    updated_at: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass
class StandIn:
    """The state, which a test changes at will.

    `moved`: repositories that were renamed, each with the address of what it is now. `asked`: the path of
    every request, in order. `problems`: rules that were broken, by whoever asked or by the stand-in itself.
    """

    pulls: dict[tuple[str, int], PullRequest] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    asked: list[str] = field(default_factory=list)
    not_modified: int = 0
    problems: list[str] = field(default_factory=list)
    url: str = ""

    def open(self, repository: str, number: int, at: dt.datetime) -> None:
        """A pull request is opened, or reopened."""
        self.pulls[repository, number] = PullRequest(updated_at=at)

    def close(self, repository: str, number: int, at: dt.datetime, *, merged: bool = False) -> None:
        """A pull request is closed, or merged."""
        self.pulls[repository, number] = PullRequest("closed", merged, updated_at=at)

    def delete(self, repository: str, number: int) -> None:
        """A pull request is deleted, as only GitHub's own people can."""
        self.pulls[repository, number].is_deleted = True

    async def pull(self, request: Request) -> Response:
        """``GET /repos/{owner}/{repo}/pulls/{pull_number}``."""
        name, found = self._found(request, "pull_number")
        if name in self.moved:
            to = f"{self.moved[name]}/pulls/{request.path_params['pull_number']}"
            # The description leaves it out of this operation, and has it in others: repositories are renamed.
            return JSONResponse({"message": "Moved Permanently", "url": to}, 301, {"Location": to})
        if found is None or found.is_deleted:
            return self._answer(request, _PULL, 404, _NOT_FOUND)
        return self._answer(request, _PULL, 200, _pull(name, int(request.path_params["pull_number"]), found))

    async def issue(self, request: Request) -> Response:
        """``GET /repos/{owner}/{repo}/issues/{issue_number}``: a pull request is one, too."""
        _, found = self._found(request, "issue_number")
        if found is None:
            return self._answer(request, _ISSUE, 404, _NOT_FOUND)
        if found.is_deleted:
            gone = {**_NOT_FOUND, "message": "This issue was deleted", "status": "410"}
            return self._answer(request, _ISSUE, 410, gone)
        return self._answer(request, _ISSUE, 200, description.example("issue"))

    def _found(self, request: Request, parameter: str) -> tuple[str, PullRequest | None]:
        name = f"{request.path_params['owner']}/{request.path_params['repo']}"
        return name, self.pulls.get((name, int(request.path_params[parameter])))

    def _answer(self, request: Request, template: str, code: int, body: Any) -> Response:
        try:
            description.check_request("GET", template, request.path_params)
            description.check_answer("GET", template, code, body)
        except description.Contradiction as problem:
            self.problems.append(str(problem))
        text = json.dumps(body).encode()
        etag = f'W/"{hashlib.sha256(text).hexdigest()}"'
        if code == 200 and request.headers.get("if-none-match") == etag:
            self.not_modified += 1
            return Response(status_code=304, headers={"ETag": etag})
        return Response(text, code, {"ETag": etag}, "application/json; charset=utf-8")

    async def answer(self, request: Request) -> Response:
        """Any answer, after what holds for all of them; or a fault."""
        self.asked.append(request.url.path)
        self._check_manners(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"message": "Bad credentials"}, 401)
        if self.fault:
            return await _faulty(self.fault)
        return await (self.pull(request) if "/pulls/" in request.url.path else self.issue(request))

    def _check_manners(self, request: Request) -> None:
        """What GitHub asks of every client."""
        wanted = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
        for name, value in wanted.items():
            if request.headers.get(name) != value:
                self.problems.append(f"{request.url.path} came with {name} {request.headers.get(name)}")
        if not request.headers.get("user-agent", "").startswith("kubepreview/"):
            self.problems.append(f"{request.url.path} came without a user agent")


def _pull(name: str, number: int, pull: PullRequest) -> dict[str, Any]:
    """The description's own example, with the facts of this one."""
    found = description.example("pull-request")
    at = pull.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    closed = at if pull.state == "closed" else None
    found |= {"number": number, "state": pull.state, "merged": pull.is_merged, "closed_at": closed}
    # Left out: of a team the example lacks what the description itself requires.
    found |= {"merged_at": at if pull.is_merged else None, "updated_at": at, "requested_teams": []}
    for side in ("base", "head"):
        found[side] = copy.deepcopy(found[side])
        found[side]["repo"]["full_name"] = name
    return found


async def _faulty(fault: Fault) -> Response:
    if fault == "silence":
        await asyncio.sleep(60)
    if fault == "half a body":
        return StreamingResponse(_half(), 200, {"Content-Length": "5000"}, "application/json")
    return _FAULTY.get(fault, Response(status_code=504))


async def _half() -> AsyncIterator[bytes]:
    yield b'{"number": 1, "state": "closed", '
    raise ConnectionError("as if the line was cut")


@contextmanager
def serving() -> Iterator[StandIn]:
    """A stand-in on a free port of the loopback; at the end nothing that it saw or said broke a rule."""
    standin = StandIn()
    numbers = {"pulls": "pull_number", "issues": "issue_number"}
    routes = [
        Route(f"/repos/{{owner}}/{{repo}}/{kind}/{{{number}}}", standin.answer)
        for kind, number in numbers.items()
    ]
    config = uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=0, log_level="critical")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    standin.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[socket])), daemon=True)
    thread.start()
    try:
        yield standin
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)
    assert standin.problems == []
