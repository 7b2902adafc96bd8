"""What a person sees of a pull request: its state, what is said on it as Markdown, and its deployments.

It keeps itself up to date, and takes a comment, a close and a reopening from whoever looks at it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from standin.pulls import turn
from standin.world import Account, PullRequest, World

_HERE: Final = Path(__file__)
_STYLE: Final = _HERE.with_suffix(".css").read_text()
_SCRIPT: Final = _HERE.with_suffix(".js").read_text()
_DIGEST: Final = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
# GitHub takes out of a comment what could act; here the browser does not let it.
_POLICY: Final = (
    f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_DIGEST}'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_MOST_BYTES: Final = 65_536
_MARKDOWN: Final = MarkdownIt("gfm-like", {"breaks": True, "html": True})


@dataclass(frozen=True)
class Pages:
    """The pages of a world, as `visitor` sees them; what is done on them, that account does."""

    world: World
    visitor: Account

    def routes(self) -> list[Route]:
        """All pages."""
        one = "/{owner}/{repo}/pull/{number:int}"
        return [
            Route("/", self._index),
            Route(one, self._about(self._look)),
            Route(one, self._about(self._act), methods=["POST"]),
        ]

    def _about(self, answer: Callable[[str, int, str], Response]) -> Callable[[Request], object]:
        """Answers about one pull request, if there is such a one."""

        async def answered(request: Request) -> Response:
            name = f"{request.path_params['owner']}/{request.path_params['repo']}"
            number = request.path_params["number"]
            if (name, number) not in self.world.pulls:
                return HTMLResponse(
                    _page("Not found", "<main><p>There is no such pull request.</p></main>"), 404
                )
            if request.method != "POST":
                return answer(name, number, "")
            # No other site's page acts for whoever looks at this one.
            if request.headers.get("origin") not in (None, str(request.base_url).rstrip("/")):
                return Response("this form is on another site\n", 403)
            text = await request.body()
            return (
                Response(status_code=413) if len(text) > _MOST_BYTES else answer(name, number, text.decode())
            )

        return answered

    async def _index(self, _: Request) -> Response:
        rows = [
            f"<li>{_state(pull)} <a href='/{escape(name)}/pull/{number}'>{escape(name)}#{number}</a> "
            f"{escape(pull.title)}</li>"
            for (name, number), pull in sorted(self.world.pulls.items())
        ]
        return _html("Pull requests", f"<main><h1>Pull requests</h1><ul>{''.join(rows)}</ul></main>")

    def _look(self, name: str, number: int, _: str) -> Response:
        pull = self.world.pulls[name, number]
        other = "closed" if pull.state == "open" else "open"
        verb = "Close" if pull.state == "open" else "Reopen"
        form = (
            "<form method='post'><textarea name='comment' rows='3' placeholder='/preview help'></textarea>"
            f"<button>Comment as {escape(self.visitor.login)}</button> "
            f"<button id='turn' name='state' value='{other}'>{verb} pull request</button></form>"
        )
        return _html(f"{pull.title} · #{number}", f"<main>{''.join(self._parts(name, number))}</main>{form}")

    def _parts(self, name: str, number: int) -> Iterator[str]:
        pull = self.world.pulls[name, number]
        yield f"<p class='soft'><a href='/'>{escape(name)}</a></p>"
        yield f"<h1>{escape(pull.title)} <small>#{number}</small></h1>"
        branches = f"<code>{escape(pull.base)}</code> from <code>{escape(pull.head_branch)}</code>"
        head = f"at <code>{escape(pull.head[:7])}</code>"
        yield f"<p>{_state(pull)} <b>{escape(pull.author)}</b> wants to merge into {branches}, {head}</p>"
        for each in self.world.said(name, number):
            edited = f" · edited {each.edits} times" if each.edits else ""
            when = f"<span class='soft'>{each.created_at:%H:%M:%S}{edited}</span>"
            header = f"<header><b>{escape(each.author.login)}</b> {when}</header>"
            yield f"<article>{header}{_MARKDOWN.render(each.body)}</article>"
        yield from self._deployments(name, number)

    def _deployments(self, name: str, number: int) -> Iterator[str]:
        for each in self.world.deployments.values():
            if (each.repository, each.body.get("environment")) != (name, f"preview-{number}"):
                continue
            last = each.statuses[-1] if each.statuses else {"state": "pending"}
            link = last.get("environment_url", "")
            view = (
                f" · <a href='{escape(link)}'>View deployment</a>"
                if link and last["state"] == "success"
                else ""
            )
            commit = f"<code>{escape(each.body['ref'][:7])}</code>"
            state = f"{commit} to preview-{number}: {escape(last['state'])}"
            yield f"<p class='soft'>Deployment of {state}{view}</p>"

    def _act(self, name: str, number: int, text: str) -> Response:
        filled = {key: value[0].strip() for key, value in parse_qs(text).items()}
        if said := filled.get("comment"):
            self.world.say(name, number, self.visitor, said)
            self.world.tell("issue_comment.created", name, number)
        wanted = filled.get("state")
        if wanted in ("open", "closed") and wanted != self.world.pulls[name, number].state:
            turn(self.world, name, number, "open" if wanted == "open" else "closed")
        return RedirectResponse(f"/{name}/pull/{number}", 303)


def _state(pull: PullRequest) -> str:
    return f"<span class='state {pull.state}'>{pull.state}</span>"


def _html(title: str, body: str) -> Response:
    return HTMLResponse(_page(title, body), headers={"Content-Security-Policy": _POLICY})


def _page(title: str, body: str) -> str:
    head = f"<meta charset='utf-8'><title>{escape(title)}</title><style>{_STYLE}</style>"
    whole = f"<head>{head}</head><body>{body}<script>{_SCRIPT}</script></body>"
    return f"<!doctype html><html lang='en'>{whole}</html>"
