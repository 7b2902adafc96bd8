"""A GitHub for tests: stateful, on this machine, and held to GitHub's own description of its API.

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

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.github import description
from tests.github.api import Asked, Operation, Reply
from tests.github.faults import Fault, cut, faulty
from tests.github.limits import RETRY_AFTER_S
from tests.github.operations import OPERATIONS
from tests.github.world import World

_FORBIDDEN = {
    "message": "Resource not accessible by personal access token",
    "documentation_url": "https://docs.github.com/rest",
    "status": "403",
}
_SECONDARY = {"message": "You have exceeded a secondary rate limit", "documentation_url": "https://docs"}


@dataclass
class StandIn(World):
    """The state, and what is seen of those who ask.

    `fault`: what every request suffers. `lost_writes`: how many are carried out and not answered.
    `asked`: the path of every request, in order; `writes`: those that change something. `problems`: rules
    that were broken, by whoever asked or by the stand-in itself.
    """

    fault: Fault | None = None
    lost_writes: int = 0
    asked: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    not_modified: int = 0
    problems: list[str] = field(default_factory=list)
    url: str = ""

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
        if self.fault:
            return await faulty(self.fault)
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
        # What is told of addresses leads back here, as a GitHub Enterprise's leads to itself.
        text = json.dumps(reply.body).replace("https://api.github.com", self.url).encode()
        headers = {"Location": reply.location} if reply.location else {}
        if reply.next_page:
            headers["Link"] = f'<{request.url.include_query_params(page=reply.next_page)}>; rel="next"'
        if operation.method == "GET" and reply.code == 200:
            headers["ETag"] = f'W/"{hashlib.sha256(text).hexdigest()}"'
            if request.headers.get("if-none-match") == headers["ETag"]:
                self.not_modified += 1
                return Response(status_code=304, headers=headers)
        return Response(text, reply.code, headers, "application/json; charset=utf-8")

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

    return Route(operation.template, answer, methods=[operation.method])


@contextmanager
def serving() -> Iterator[StandIn]:
    """A stand-in on a free port of the loopback; at the end nothing that it saw or said broke a rule."""
    standin = StandIn()
    app = Starlette(routes=[_route(standin, each) for each in OPERATIONS])
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
