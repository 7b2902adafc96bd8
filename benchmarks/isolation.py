"""(n): what it costs that pods wait until the network policies hold them, beside pods that start at once."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import command
from benchmarks.contest import Result, compared, seconds
from tests.cluster.team import Team, sha

_COMMIT = sha("a")
_ROUNDS = 12
_FIRST = 400
_GOAL = 1.5


def results(team: Team) -> Iterator[Result]:
    """Each round: a preview of each, then both away, untimed."""
    team.cluster_has(team.image(_COMMIT))
    took: dict[str, list[float]] = {"AtOnce": [], "WhenIsolated": []}
    for number in range(_FIRST, _FIRST + 2 * _ROUNDS, 2):
        for offset, start in enumerate(took):
            team.decide(podStart=start)
            root = team.service(_COMMIT, number + offset)
            took[start].append(seconds(lambda: command.up(team, number + offset, root, _COMMIT)))  # noqa: B023 - called at once
        for each in (number, number + 1):
            command.down(team, each)
    what = (
        "a new preview until Ready, its pods waiting until they are isolated, against pods that start at once"
    )
    yield compared("n", what, goal=_GOAL, ours=took["WhenIsolated"], theirs=took["AtOnce"])
