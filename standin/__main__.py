"""`python -m standin SETTINGS.json`: one repository, the accounts that may write to it, and its webhook."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from standin.page import Pages
from standin.server import StandIn, routes
from standin.webhooks import Webhook
from standin.world import Account

_PORT = 8080


async def _run(settings: dict[str, Any]) -> None:
    """Serve until SIGTERM; what it knew is forgotten then."""
    repository, people = settings["repository"], settings["accounts"]
    accounts = {
        each["token"]: Account(each["login"], number, frozenset(each["permissions"]))
        for number, each in enumerate(people, start=1)
    }
    visitor = next(iter(accounts.values()))
    webhook = Webhook(**settings["webhook"])
    standin = StandIn(
        accounts=accounts,
        pages=settings["pages"],
        branches={(repository, "main"): settings["main"]},
        permissions={(repository, visitor.login): "write"},
        tell=webhook.tell,
    )
    app = Starlette(routes=[*routes(standin), *Pages(standin, visitor).routes()])
    # All addresses of the pod.
    config = uvicorn.Config(app, host="0.0.0.0", port=_PORT, log_level="warning", forwarded_allow_ips="*")  # noqa: S104 — a Service comes to the pod's own address
    async with asyncio.TaskGroup() as group:
        delivering = group.create_task(webhook.deliver())
        await uvicorn.Server(config).serve()
        delivering.cancel()


if __name__ == "__main__":
    asyncio.run(_run(json.loads(Path(sys.argv[1]).read_text())))
