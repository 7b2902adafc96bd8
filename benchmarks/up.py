"""(a) and (a2): from the command to the first good answer, beside kubectl with the same objects.

Of a new commit two times are taken: until its SHA is answered, for both in the same way, and until `up`
says Ready, which takes several such answers in a row, and no pod of the commit before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks import command
from benchmarks.contest import Result, begin_at_random, compared, seconds
from benchmarks.rival import Kubectl
from tests.cluster.team import PROJECT, Team, application, sha

_FIRST, _SECOND = sha("a"), sha("b")
# A push takes one second or two, by chance: it takes more rounds until the middle one says something.
_ROUNDS = 20
_READY_GOAL = 1.25
_ANSWERED_GOAL = 1.15


def results(team: Team) -> Iterator[Result]:
    """Each round: ours up and push, theirs up and push, then both away, untimed."""
    kubectl = Kubectl(team.cluster)
    for commit in (_FIRST, _SECOND):
        team.cluster_has(team.image(commit))
    ours_up, ours_answered, ours_ready, theirs_up, theirs_push = [], [], [], [], []
    for number in range(1, _ROUNDS + 1):
        ours_up.append(seconds(lambda: _up(team, number, _FIRST)))  # noqa: B023 - called at once
        answered_s, ready_s = _push(team, kubectl, number)
        ours_answered.append(answered_s)
        ours_ready.append(ready_s)
        team.down(number).done()
        theirs_up.append(seconds(lambda: _kubectl_up(team, kubectl, number)))  # noqa: B023 - called at once
        theirs_push.append(seconds(lambda: _kubectl_push(team, kubectl, number)))  # noqa: B023 - called at once
        kubectl.run("delete", "namespace", _space(number), "--wait=true")
    theirs = "kubectl apply until the first good answer"
    what = f"`kubepreview up` until Ready, against {theirs}"
    yield compared("a", what, goal=_READY_GOAL, ours=ours_up, theirs=theirs_up)
    what = "a new commit until its SHA is answered, the same way"
    yield compared("a2", what, goal=_ANSWERED_GOAL, ours=ours_answered, theirs=theirs_push)
    what = f"a new commit until Ready, against {theirs}"
    yield compared("a2-ready", what, goal=_READY_GOAL, ours=ours_ready, theirs=theirs_push)


def _push(team: Team, kubectl: Kubectl, number: int) -> tuple[float, float]:
    """Seconds until the new SHA is answered, and until `up` has ended."""
    begin_at_random()
    began = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(_up, team, number, _SECOND)
        kubectl.until_answered(f"pr-{number}.{PROJECT}.localhost", _SECOND)
        answered_s = time.perf_counter() - began
        running.result()
        return answered_s, time.perf_counter() - began


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
