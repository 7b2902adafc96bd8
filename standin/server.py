"""The API: stateful, and held to GitHub's own description of its API.

Every request that it gets and every answer that it gives is checked (`description`), it knows who may do
what and how often, and it fails on demand.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from standin import comments, description, identities, pulls, reports
from standin.api import Asked, Operation, Reply
from standin.faults import Fault, cut, faulty
from standin.limits import RETRY_AFTER_S
from standin.world import Account, World

OPERATIONS: Final = (
    *pulls.OPERATIONS,
    *comments.OPERATIONS,
    *reports.OPERATIONS,
    *identities.OPERATIONS,
)
_FORBIDDEN = {
    "message": "Resource not accessible by personal access token",
    "documentation_url": "https://docs.github.com/rest",
    "status": "403",
}
_PRIMARY = {"message": "API rate limit exceeded", "documentation_url": "https://docs"}
_SECONDARY = {"message": "You have exceeded a secondary rate limit", "documentation_url": "https://docs"}


@dataclass
class StandIn(World):
    """The state, and what is seen of those who ask.

    `fault`: what every request suffers. `lost_writes`: how many are carried out and not answered.
    `asked`: the path of every request, in order; `writes`: those that change something. `problems`: rules
    that were broken, by whoever asked or by the stand-in itself. `url`: of the API, on this machine. `pages`:
    what the addresses of pages begin with, where people can see some; empty for github.com's.
    """

    fault: Fault | None = None
    lost_writes: int = 0
    asked: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    not_modified: int = 0
    problems: list[str] = field(default_factory=list)
    url: str = ""
    pages: str = ""

    async def answer(self, operation: Operation, request: Request) -> Response:
        """Any answer, after what holds for all of them; or a fault."""
        self.asked.append(request.url.path)
        self._check_manners(request)
        # The older of the two words is as good.
        who = self.account(re.sub("^(Bearer|token) ", "", request.headers.get("authorization", "")))
        if who is None:
            return JSONResponse({"message": "Bad credentials"}, 401)
        if self.limits.is_over(operation.method):
            return JSONResponse(_SECONDARY, 403, {"Retry-After": str(RETRY_AFTER_S)})
        now = self.now().timestamp()
        if self.allowance.is_spent(who.login, now):
            self.limits.hits += 1
            return JSONResponse(_PRIMARY, 403, self.allowance.headers(who.login, now))
        if self.fault:
            return await faulty(self.fault)
        response = await self._answer(operation, request, who)
        if response.status_code != 304:
            self.allowance.spend(who.login, now)
        response.headers.update(self.allowance.headers(who.login, now))
        return response

    async def _answer(self, operation: Operation, request: Request, who: Account) -> Response:
        """The answer to somebody who may ask."""
        text = await request.body()
        body = json.loads(text) if text else None
        asked = Asked(request.path_params, request.query_params, body, who)
        may = who.may(operation.needs, asked.repository)
        reply = self._reply(operation, asked) if may else Reply(403, _FORBIDDEN, undescribed=True)
        if operation.method != "GET" and self.lost_writes:
            self.lost_writes -= 1
            return cut()
        return self._response(operation, request, reply)

    def _reply(self, operation: Operation, asked: Asked) -> Reply:
        method, template = operation.method, operation.template
        if method != "GET":
            self.writes.append(f"{method} {template}")
        try:
            description.check_request(method, template, asked.parameters, asked.query, asked.body)
            reply = operation.answer(self, asked)
            if not reply.undescribed:
                description.check_answer(method, template, reply.code, reply.body)
        except description.Contradiction as problem:
            self.problems.append(str(problem))
            return Reply(422, {"message": "Validation Failed"})
        return reply

    def _response(self, operation: Operation, request: Request, reply: Reply) -> Response:
        if reply.body is None:
            return Response(status_code=reply.code)
        text = self._with_own_addresses(json.dumps(reply.body), request).encode()
        headers = {"Location": reply.location} if reply.location else {}
        if reply.next_page:
            headers["Link"] = f'<{request.url.include_query_params(page=reply.next_page)}>; rel="next"'
        if operation.method == "GET" and reply.code == 200:
            headers["ETag"] = f'W/"{hashlib.sha256(text).hexdigest()}"'
            if request.headers.get("if-none-match") == headers["ETag"]:
                self.not_modified += 1
                return Response(status_code=304, headers=headers)
        return Response(text, reply.code, headers, "application/json; charset=utf-8")

    def _with_own_addresses(self, text: str, request: Request) -> str:
        """What is told of addresses leads back here, as a GitHub Enterprise's leads to itself."""
        text = text.replace("https://api.github.com", str(request.base_url).rstrip("/"))
        return text.replace("https://github.com", self.pages) if self.pages else text

    def _check_manners(self, request: Request) -> None:
        """What GitHub asks of every client, and what ours says."""
        if not request.headers.get("user-agent"):
            self.problems.append(f"{request.url.path} came without a user agent")
        if not request.headers["user-agent"].startswith("kubepreview/"):
            return
        wanted = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
        for name, value in wanted.items():
            if request.headers.get(name) != value:
                self.problems.append(f"{request.url.path} came with {name} {request.headers.get(name)}")


def _route(standin: StandIn, operation: Operation) -> Route:
    async def answer(request: Request) -> Response:
        try:
            return await standin.answer(operation, request)
        except Exception as error:
            standin.problems.append(f"{operation.template}: {error!r}")
            raise

    # A branch's name has slashes.
    path = re.sub(r"\{ref\}$", "{ref:path}", operation.template)
    return Route(path, answer, methods=[operation.method])


def routes(standin: StandIn) -> list[Route]:
    """The whole API; what has a name goes before what may have any, as the first that fits answers."""
    by_name = sorted(OPERATIONS, key=lambda each: [part[:1] == "{" for part in each.template.split("/")])
    return [_route(standin, each) for each in by_name]


@contextmanager
def serving() -> Iterator[StandIn]:
    """A stand-in on a free port of the loopback; at the end nothing that it saw or said broke a rule."""
    standin = StandIn()
    app = Starlette(routes=routes(standin))
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    # Whoever comes before the server accepts waits for it.
    socket.listen()
    standin.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[socket])), daemon=True)
    thread.start()
    try:
        yield standin
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)
    assert not standin.problems, standin.problems
