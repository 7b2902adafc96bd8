"""Asks a preview's address through the real ingress, as a visitor would."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final, Self

import httpx2

from kubepreview import __version__
from kubepreview.core.gateway import STATE_HEADER
from kubepreview.core.observed import Answer
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wanted import Wanted

# By this name the product's own visits are told from people's.
USER_AGENT: Final = f"kubepreview-probe/{__version__}"
_TIMEOUT_S: Final = 3.0
# A page that shows a SHA shows it early; a download must not fill our memory.
_MAX_BODY_BYTES: Final = 256 * 1024
# The ingress learns of endpoints a little later than the apiserver; so many good answers in a row, each
# on a new connection, are what the old pods' last moments cannot give.
_STREAK: Final = 3
_PAUSE_S: Final = 0.02
_QUICK_S: Final = 0.3
# For requests that are under way when the gateway takes over; longer ones are ended by the pod's own grace.
_DRAIN_S: Final = 1.5


class Prober:
    """Sends requests to previews; one for the whole process.

    `sent`: how many were sent to a host, without those that failed. `under_way`: those of them that are not
    answered yet.
    """

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.under_way: Counter[str] = Counter()
        self._http = httpx2.AsyncClient(
            trust_env=False,
            headers={"user-agent": USER_AGENT, "accept": "*/*", "connection": "close"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ask(
        self, project: ProjectSpec, wanted: Wanted, shas: Collection[str], *, within_s: float = _TIMEOUT_S
    ) -> Answer:
        """What the address answers at this moment, and which of `shas` stood in it."""
        path = wanted.revision_path or wanted.entry.path
        scheme, port = project.route.scheme, project.route.port
        shown = f"{wanted.host}:{port}" if port else wanted.host
        request = self._http.build_request(
            "GET",
            f"{scheme}://{project.route.address or shown}{path}",
            headers={"host": shown},
            timeout=within_s,
        )
        request.extensions["sni_hostname"] = wanted.host
        with self._counted(wanted.host) as answered:
            answer = await self._answer(request, shas)
            if answer.code:
                answered()
        return answer

    @contextmanager
    def _counted(self, host: str) -> Iterator[Callable[[], None]]:
        """Counted before the ingress can have counted it; not any more if nobody has said `answered`."""
        is_answered: list[bool] = []
        self.sent[host] += 1
        self.under_way[host] += 1
        try:
            yield lambda: is_answered.append(True)
        finally:
            self.under_way[host] -= 1
            if not is_answered:
                self.sent[host] -= 1

    async def _answer(self, request: httpx2.Request, shas: Collection[str]) -> Answer:
        try:
            response = await self._http.send(request, stream=True)
        except httpx2.HTTPError as error:
            return Answer(code=0, detail=f"no answer from {request.url}: {type(error).__name__}: {error}")
        try:
            body = await _read(response)
        except httpx2.HTTPError as error:
            return Answer(code=0, detail=f"the answer of {request.url} broke off: {type(error).__name__}")
        finally:
            await response.aclose()
        text = body.decode(errors="replace")
        return Answer(
            code=response.status_code,
            shas=frozenset(sha for sha in shas if sha in text),
            is_of_gateway=STATE_HEADER in response.headers,
            detail=f"{response.status_code} {response.reason_phrase}, {text[:120]!r}",
        )

    async def ask_firmly(
        self, project: ProjectSpec, wanted: Wanted, shas: Collection[str], *, patience_s: float
    ) -> Answer:
        """As `ask`, but the wanted revision's answer counts only at the end of a streak.

        Any other answer is returned after `patience_s` of asking, and breaks the streak. Until then a
        request that is not answered quickly is given up: it may have been sent to a pod that is no more.
        """
        loop = asyncio.get_running_loop()
        patient_until = loop.time() + patience_s
        streak = 0
        while True:
            is_patient = loop.time() < patient_until
            within_s = _QUICK_S if is_patient else _TIMEOUT_S
            answer = await self.ask(project, wanted, shas, within_s=within_s)
            if answer.is_good and (not wanted.revision_path or wanted.sha in answer.shas):
                streak += 1
                if streak == _STREAK:
                    return answer
            elif is_patient:
                streak = 0
                await asyncio.sleep(_PAUSE_S)
            else:
                return answer

    async def is_gateway_firmly(self, project: ProjectSpec, wanted: Wanted) -> bool:
        """Whether the gateway answers for the host, several times in a row.

        It takes a moment even then, in which the preview can end the requests that it was sent before.
        """
        for _ in range(_STREAK):
            answer = await self.ask(project, wanted, ())
            if not answer.is_of_gateway:
                return False
            await asyncio.sleep(_DRAIN_S / _STREAK)
        return True


async def _read(response: httpx2.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= _MAX_BODY_BYTES:
            break
    return body
