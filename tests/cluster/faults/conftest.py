"""The project whose previews live through faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.faults import life
from tests.cluster.faults.scene import PROJECT
from tests.cluster.team import Team


@pytest.fixture(scope="session")
def doomed(team: Team) -> Iterator[Team]:
    """Its previews are asked by the ingress's address outside of the cluster, where the controller is."""
    doomed = team.with_project(PROJECT)
    host, port = team.cluster.ingress
    doomed.decide(route={"address": f"{host}:{port}"})
    for commit in (life.FIRST, life.SECOND):
        doomed.image(commit)
    yield doomed
    doomed.leave_project()
