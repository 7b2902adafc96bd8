"""Somebody who uses staging all the while: asks it again and again, and counts the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from msgspec import Struct, field

_PAUSE_S = 0.05
_TIMEOUT_S = 5.0


class Visits(Struct):
    """How many requests were answered, and what the others got instead."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)


class Door(Struct, frozen=True):
    """Where the ingress is on this machine, and by which host a site is asked for."""

    address: str
    host: str

    async def get(self, path: str) -> httpx2.Response:
        """One request on a connection of its own."""
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
            return await http.get(f"http://{self.address}{path}", headers={"host": self.host})


@asynccontextmanager
async def visiting(door: Door) -> AsyncIterator[Visits]:
    """Visit until the end of the block."""
    visits = Visits()
    async with asyncio.TaskGroup() as group:
        visitor = group.create_task(_visit(door, visits))
        try:
            yield visits
        finally:
            visitor.cancel()


async def _visit(door: Door, visits: Visits) -> None:
    while True:
        try:
            response = await door.get("/version")
        except httpx2.HTTPError as error:
            visits.failures.append(f"{type(error).__name__}: {error}")
        else:
            if response.status_code == httpx2.codes.OK:
                visits.answered += 1
            else:
                visits.failures.append(f"{response.status_code} {response.reason_phrase}")
        await asyncio.sleep(_PAUSE_S)
