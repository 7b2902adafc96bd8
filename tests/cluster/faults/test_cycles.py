"""Previews that come and go leave nothing: what is in the cluster afterwards is what was there before."""

from __future__ import annotations

import asyncio
import itertools
import os

import pytest

from kubepreview.cli.installing import CANARY
from tests.cluster.faults import life
from tests.cluster.faults.life import Life
from tests.cluster.faults.scene import administrator
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import Team

# More by KUBEPREVIEW_CYCLES, as `make test-faults` says.
_CYCLES = int(os.environ.get("KUBEPREVIEW_CYCLES", "6"))  # noqa: TID251 - entry point of tests
# As many as the controller works at.
_AT_ONCE = 8
_FIRST_NUMBER = 30_000
# What comes and goes by itself, whether there are previews or not.
_PASSING = ("events", "events.events.k8s.io", "pods.metrics.k8s.io", "nodes.metrics.k8s.io")


def _inventory(team: Team) -> set[str]:
    """Every object of every kind that the apiserver lists, in all namespaces."""
    kinds = kubectl(team.cluster, "api-resources", "--verbs=list", "--output=name").split()
    listed = ",".join(kind for kind in kinds if kind not in _PASSING)
    columns = "custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name"
    said = kubectl(team.cluster, "get", listed, "--all-namespaces", f"--output={columns}", "--no-headers")
    return {"/".join(line.split()) for line in said.splitlines()}


@pytest.mark.timeout(600 + 10 * _CYCLES)
async def test_previews_that_come_and_go_leave_nothing(team: Team) -> None:
    """Not one object more, and not one less, of any kind, anywhere."""
    for commit in (life.FIRST, life.SECOND):
        team.image(commit)
    # Of the installation, which has just tried its policies.
    eventually(lambda: CANARY not in team.names("namespace"), "what `install` tried with is gone")
    before = _inventory(team)
    numbers = itertools.islice(itertools.count(_FIRST_NUMBER), _CYCLES)
    async with administrator(team) as client:

        async def cycle() -> None:
            for number in numbers:
                one = Life(team, client, number)
                for deed in (life.UP, life.DOWN):
                    await one.go(deed)
                await one.forget()

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(cycle())

    eventually(lambda: not _inventory(team) - before, "nothing is left")
    print(f"\n{_CYCLES} previews came and went; {len(before)} objects before and after")  # noqa: T201 - a figure
    assert before == _inventory(team)
