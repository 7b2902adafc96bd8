"""(a) and (a2): from the command to the first good answer, beside kubectl with the same objects."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import command
from benchmarks.contest import ROUNDS, Result, compared, seconds
from benchmarks.rival import Kubectl
from tests.cluster.team import PROJECT, Team, application, sha

_FIRST, _SECOND = sha("a"), sha("b")
_UP_GOAL = 1.25
_PUSH_GOAL = 1.15


def results(team: Team) -> Iterator[Result]:
    """Each round: ours up and push, theirs up and push, then both away, untimed."""
    kubectl = Kubectl(team.cluster)
    for commit in (_FIRST, _SECOND):
        team.cluster_has(team.image(commit))
    ours_up, ours_push, theirs_up, theirs_push = [], [], [], []
    for number in range(1, ROUNDS + 1):
        ours_up.append(seconds(lambda: _up(team, number, _FIRST)))  # noqa: B023 - called at once
        ours_push.append(seconds(lambda: _up(team, number, _SECOND)))  # noqa: B023 - called at once
        team.down(number).done()
        theirs_up.append(seconds(lambda: _kubectl_up(team, kubectl, number)))  # noqa: B023 - called at once
        theirs_push.append(seconds(lambda: _kubectl_push(team, kubectl, number)))  # noqa: B023 - called at once
        kubectl.run("delete", "namespace", _space(number), "--wait=true")
    yield compared(
        "a",
        "`kubepreview up` until Ready against kubectl apply until the first good answer",
        goal=_UP_GOAL,
        ours=ours_up,
        theirs=theirs_up,
    )
    yield compared(
        "a2",
        "a new commit until its SHA is answered, the same way",
        goal=_PUSH_GOAL,
        ours=ours_push,
        theirs=theirs_push,
    )


def _up(team: Team, number: int, commit: str) -> None:
    command.up(team, number, team.service(commit, number), commit)


def _space(number: int) -> str:
    return f"rival-{number}"


def _host(number: int) -> str:
    return f"rival-{number}.{PROJECT}.localhost"


def _kubectl_up(team: Team, kubectl: Kubectl, number: int) -> None:
    kubectl.create_namespace(_space(number))
    objects = [*application(team.image(_FIRST)), kubectl.ingress(_host(number), "web")]
    kubectl.apply(_space(number), objects)
    kubectl.until_answered(_host(number), _FIRST)


def _kubectl_push(team: Team, kubectl: Kubectl, number: int) -> None:
    kubectl.apply(_space(number), application(team.image(_SECOND)))
    kubectl.until_answered(_host(number), _SECOND)
