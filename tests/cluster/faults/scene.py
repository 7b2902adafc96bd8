"""The stage of a fault: a cluster, a controller outside of it, a proxy between them, and previews to live."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kubepreview.kube import credentials
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from tests.cluster.faults import life, outside
from tests.cluster.faults.life import Life
from tests.cluster.faults.outside import Outside
from tests.cluster.faults.proxy import FaultProxy
from tests.cluster.team import Team
from tests.cluster.witness import Witness

PROJECT = "doomed"


@dataclass(frozen=True)
class Scene:
    """Everything that a fault needs. `client` is the administrator's, and goes past the proxy.

    `ingress` is the other proxy: by it the controller asks what a preview serves.
    """

    team: Team
    client: Client
    proxy: FaultProxy
    ingress: FaultProxy
    controller: Outside
    numbers: Iterator[int]

    def new_life(self) -> Life:
        """A pull request that nobody has seen."""
        return Life(self.team, self.client, next(self.numbers))

    async def whole_life(self) -> None:
        """One preview from its first commit to nothing."""
        one = self.new_life()
        for deed in life.WHOLE:
            await one.go(deed)
        await one.forget()


@asynccontextmanager
async def staged(team: Team, folder: Path, first_number: int) -> AsyncIterator[Scene]:
    """One controller outside, whose requests go through one proxy."""
    async with (
        outside.resting(team),
        administrator(team) as client,
        behind_a_proxy(team, "outside", folder) as (proxy, controller),
        _before_the_ingress(team) as ingress,
        controller.running(),
    ):
        ingress.kill = controller.kill
        yield Scene(team, client, proxy, ingress, controller, itertools.count(first_number))


@asynccontextmanager
async def _before_the_ingress(team: Team) -> AsyncIterator[FaultProxy]:
    host, port = team.cluster.ingress
    proxy = FaultProxy(Credentials(server=f"http://{host}:{port}"))
    async with proxy.serving():
        team.decide(route={"address": f"127.0.0.1:{proxy.port}"})
        try:
            yield proxy
        finally:
            team.decide(route={"address": f"{host}:{port}"})


def administrator(team: Team) -> Client:
    """The administrator's client."""
    return Client(credentials.load(team.cluster.kubeconfig, None, {}))


@asynccontextmanager
async def behind_a_proxy(
    team: Team, identity: str, folder: Path
) -> AsyncIterator[tuple[FaultProxy, Outside]]:
    """A controller that is still to be started, and the proxy that it will know as its apiserver."""
    proxy = FaultProxy(outside.apiserver(team))
    async with proxy.serving():
        controller = Outside(identity, outside.kubeconfig(team, proxy, folder), folder / f"{identity}.log")
        proxy.kill = controller.kill
        yield proxy, controller


def faults_of(team: Team, witness: Witness) -> list[str]:
    """What must never be, and was seen of the team's previews: objects without guards, and doubled ones."""
    found = (*witness.unguarded(), *witness.made_too_often(life.MOST))
    return [each for each in found if each.startswith(f"{team.project}-")]
