"""(e) What the controller holds in memory with 1, 10 and 50 previews whose pods run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contest import Result, bounded
from kubepreview.core.keys import SYSTEM_NAMESPACE
from tests.cluster.machine import kubectl, processes_of_pod
from tests.cluster.team import Team, sha

_COUNTS = (1, 10, 50)
_GOAL_MIB = 120
_SAMPLES = 10
_PAUSE_S = 3
_FIRST_NUMBER = 400


def results(team: Team) -> Iterator[Result]:
    """Previews are added until there are so many, and each time the controller is looked at for a while."""
    commit = sha("a")
    opened = 0
    for count in _COUNTS:
        for index in range(opened, count):
            number = _FIRST_NUMBER + index
            team.up(number, team.service(commit, number), commit).done()
        opened = count
        samples = []
        for _ in range(_SAMPLES):
            samples.append(_controller_mib(team))
            time.sleep(_PAUSE_S)
        yield bounded(
            f"e-{count}",
            f"memory of the controller with {count} previews",
            goal=_GOAL_MIB,
            values=samples,
            unit="MiB",
        )
    for number in range(_FIRST_NUMBER, _FIRST_NUMBER + opened):
        team.down(number, "--no-wait").done()


def _controller_mib(team: Team) -> float:
    (name,) = kubectl(
        team.cluster,
        "get",
        "pods",
        f"--namespace={SYSTEM_NAMESPACE}",
        "--output=jsonpath={.items[*].metadata.name}",
    ).split()
    pids = processes_of_pod(team.cluster, SYSTEM_NAMESPACE, name)
    return max(map(resident_mib, pids))


def resident_mib(pid: int) -> float:
    """What a process holds in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
