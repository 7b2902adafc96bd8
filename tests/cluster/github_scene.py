"""The real controller outside of the cluster, where it reaches the GitHub that stands in."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kubepreview.core.conditions import PULL_REQUEST_OPEN
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.wait import wait_until
from standin.server import StandIn, serving
from standin.world import TOKEN
from tests.cluster.faults import outside
from tests.cluster.faults.outside import Outside
from tests.cluster.faults.scene import administrator, behind_a_proxy
from tests.cluster.team import Team, sha
from tests.commands import Ended

COMMIT: Final = sha("d")
OPENED: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Scene:
    """A project whose pull requests the stand-in has."""

    team: Team
    client: Client
    github: StandIn
    controller: Outside

    async def type(self, *argv: str) -> Ended:
        """A command, beside what goes on."""
        return await asyncio.to_thread(self.team.type, *argv)

    async def up(
        self,
        number: int,
        at: dt.datetime = OPENED,
        commit: str = COMMIT,
        *,
        from_fork: bool = False,
        **container: Any,
    ) -> Ended:
        """A preview, as CI asks for it when it has seen the pull request as it was at that time."""
        root = self.team.service(commit, number, **container)
        flags = [f"--observed-at={at.isoformat()}", "--no-wait", *(["--from-fork"] if from_fork else [])]
        return await asyncio.to_thread(self.team.up, number, root, commit, *flags)

    async def preview(self, number: int) -> dict[str, Any]:
        """As the apiserver has it."""
        return await self.client.get(PREVIEWS, f"pr-{number}", self.team.control_namespace)

    async def condition(self, number: int, kind: str = PULL_REQUEST_OPEN) -> tuple[str, str, str]:
        """Status, reason and message of one condition."""
        said = (await self.preview(number)).get("status", {}).get("conditions", [])
        found: dict[str, str] = next((each for each in said if each["type"] == kind), {})
        return found.get("status", ""), found.get("reason", ""), found.get("message", "")

    async def until(self, number: int, status: str, reason: str, kind: str = PULL_REQUEST_OPEN) -> str:
        """Wait until the status says so; the message that goes with it."""

        async def said() -> tuple[str] | None:
            found = await self.condition(number, kind)
            return (found[2],) if found[:2] == (status, reason) else None

        (message,) = await wait_until(said, what=f"pr-{number} {kind}={status} {reason}", timeout_s=60)
        return message

    async def states(self) -> dict[int, str]:
        """Open or Closed, of each."""
        found = await self.client.list(PREVIEWS, self.team.control_namespace)
        return {each["spec"]["pullRequest"]["number"]: each["spec"]["state"] for each in found}


@asynccontextmanager
async def staged(
    team: Team, folder: Path, *, token: str = TOKEN, interval_s: float = 1
) -> AsyncIterator[Scene]:
    """The controller inside rests, and the one outside asks the stand-in, and the ingress by its address."""
    host, port = team.cluster.ingress
    team.decide(route={"address": f"{host}:{port}"})
    (folder / "github").mkdir()
    (folder / "github" / "token").write_text(token)
    with serving() as github:
        async with (
            outside.resting(team),
            administrator(team) as client,
            behind_a_proxy(team, "reader", folder) as (_, controller),
        ):
            asking = (f"--github-api={github.url}", f"--github-folder={folder / 'github'}")
            controller.flags = (*asking, f"--github-interval={interval_s}")
            async with controller.running():
                yield Scene(team, client, github, controller)
