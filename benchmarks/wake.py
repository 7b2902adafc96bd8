"""(f), (g) and (h): what a visitor of a sleeping preview waits for, and what of his is lost.

Beside `kubectl scale` and `kubectl rollout status`, which somebody would do by hand before he visits.
"""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

from benchmarks import command
from benchmarks.contest import Result, begin_at_random, seconds
from benchmarks.rival import Kubectl
from kubepreview.core import conditions
from tests.cluster.machine import eventually
from tests.cluster.team import PROJECT, Team, application, sha

_COMMIT = sha("a")
# In turn, so that none is woken more often than the gateway wakes one.
_NUMBERS = (71, 72, 73)
_ROUNDS = 20
_AT_ONCE = 10
_FALLING_ROUNDS = 10
_VISITS = 100
_PAUSE_S = 0.03
_GOAL, _ALLOWANCE_S = 1.3, 0.3
_TIMEOUT_S = 60


def results(team: Team) -> Iterator[Result]:
    """The same application, brought up once for each, and put to sleep before each round."""
    kubectl = Kubectl(team.cluster)
    team.cluster_has(team.image(_COMMIT))
    for number in _NUMBERS:
        command.up(team, number, team.service(_COMMIT, number), _COMMIT)
    space = "rival-wake"
    kubectl.create_namespace(space)
    kubectl.apply(space, application(team.image(_COMMIT)))
    yield from _waking(team, kubectl, space)
    yield _falling(team)
    kubectl.run("delete", "namespace", space, "--wait=true")
    for number in _NUMBERS:
        team.down(number).done()


def _waking(team: Team, kubectl: Kubectl, space: str) -> Iterator[Result]:
    ours, theirs, failed = [], [], 0
    for number in islice(cycle(_NUMBERS), _ROUNDS):
        _until_ready(team, number)
        team.type("sleep", str(number), f"--project={PROJECT}").done()
        begin_at_random()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = list(pool.map(lambda _: _visit(team, number), range(_AT_ONCE)))  # noqa: B023 - called at once
        ours.append(min(took_s for _, took_s in answers))
        failed += sum(code != http.client.OK for code, _ in answers)
        _scale(kubectl, space, 0)
        kubectl.run("wait", "--for=delete", "pod", "--all", f"--namespace={space}", "--timeout=60s")
        theirs.append(seconds(lambda: _scale(kubectl, space, 1)))
    for name, percentile in (("f", 50), ("f-p95", 95)):
        yield _compared(name, percentile, ours, theirs)
    what = "requests that failed, of those that were held while a preview woke"
    yield _counted("g", what, failed, _ROUNDS * _AT_ONCE)


def _compared(name: str, percentile: int, ours: list[float], theirs: list[float]) -> Result:
    mine, other = (
        statistics.quantiles(each, n=100, method="inclusive")[percentile - 1] for each in (ours, theirs)
    )
    return Result(
        id=name,
        what=f"a visit to a sleeping preview until its first byte, p{percentile}, against `kubectl scale` "
        f"and `rollout status`; the goal bounds the ratio after {_ALLOWANCE_S:g} s are taken off ours",
        ours=mine,
        theirs=other,
        goal=_GOAL,
        value=(mine - _ALLOWANCE_S) / other,
        n=len(ours),
        spread=(min(ours), max(ours), min(theirs), max(theirs)),
    )


def _counted(name: str, what: str, lost: int, n: int) -> Result:
    return Result(
        id=name,
        what=what,
        ours=float(lost),
        theirs=None,
        goal=0.0,
        value=float(lost),
        n=n,
        spread=(float(lost), float(lost)),
        unit="requests",
    )


def _falling(team: Team) -> Result:
    """Somebody visits all the while that a preview falls asleep, and wakes again because of him."""
    codes: list[int] = []
    for number in islice(cycle(_NUMBERS), _FALLING_ROUNDS):
        _until_ready(team, number)
        codes += _visited_while(
            team,
            number,
            lambda: team.type("sleep", str(number), f"--project={PROJECT}"),  # noqa: B023 - called at once
        )
    what = "requests that were lost while a preview fell asleep under light traffic"
    return _counted("h", what, sum(code != http.client.OK for code in codes), len(codes))


def _visited_while(team: Team, number: int, deed: Callable[[], object]) -> list[int]:
    codes: list[int] = []
    is_over = threading.Event()

    def visit() -> None:
        while len(codes) < _VISITS or not is_over.is_set():
            codes.append(_visit(team, number)[0])
            time.sleep(_PAUSE_S)

    with ThreadPoolExecutor(1) as pool:
        visiting = pool.submit(visit)
        deed()
        _until_ready(team, number)
        is_over.set()
        visiting.result()
    return codes


def _visit(team: Team, number: int) -> tuple[int, float]:
    """Code, and seconds until the first byte; 0 for no answer."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection(*team.cluster.ingress, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/version", headers={"Host": f"pr-{number}.{PROJECT}.localhost"})
        code = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        code = 0
    finally:
        connection.close()
    return code, time.perf_counter() - began


def _until_ready(team: Team, number: int) -> None:
    eventually(lambda: team.condition(number, conditions.READY)[0] == "True", f"pr-{number} is ready")


def _scale(kubectl: Kubectl, space: str, replicas: int) -> None:
    kubectl.run("scale", "deployment/web", f"--replicas={replicas}", f"--namespace={space}")
    kubectl.run("rollout", "status", "deployment/web", f"--namespace={space}")
