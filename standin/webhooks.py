"""Tells of what happens, as GitHub does: signed, each delivery by an id of its own, and once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import uuid
from dataclasses import dataclass, field
from typing import Final

import httpx2

from standin.deliveries import delivery

# "Your server should respond with a 2XX response within 10 seconds of receiving a webhook delivery."
_TIMEOUT_S: Final = 10.0


@dataclass
class Webhook:
    """Where deliveries go, and what they are signed with. Like GitHub it sends none a second time."""

    url: str
    secret: str
    _waiting: asyncio.Queue[tuple[str, str, int]] = field(default_factory=asyncio.Queue)

    def tell(self, kind: str, repository: str, number: int) -> None:
        """Something happened, like ``pull_request.opened``; returns before it is delivered."""
        self._waiting.put_nowait((kind, repository, number))

    async def deliver(self) -> None:
        """Deliver what there is to tell, for ever, in order."""
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
            while True:
                kind, repository, number = await self._waiting.get()
                try:
                    answer = await client.send(self.request(kind, repository, number))
                    said = str(answer.status_code)
                except httpx2.RequestError as error:
                    said = f"{type(error).__name__}: {error}"
                print(f"{kind} of {repository}#{number}: {said}", flush=True)

    def request(self, kind: str, repository: str, number: int) -> httpx2.Request:
        """One delivery, signed."""
        body = delivery(kind, repository, number)
        signature = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/standin",
            "X-GitHub-Event": kind.partition(".")[0],
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        return httpx2.Request("POST", self.url, content=body, headers=headers)
