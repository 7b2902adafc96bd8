"""Two replicas inside of the cluster: one acts, and when its node is lost the other goes on."""

from __future__ import annotations

import pytest

from kubepreview.core import keys
from tests.cluster.machine import controller, eventually, kill, kubectl
from tests.cluster.team import PROJECT, Team, application, sha
from tests.commands import Ended

_COMMIT = sha("1")
_NUMBER = 130
_SYSTEM = f"--namespace={keys.SYSTEM_NAMESPACE}"


def _up(team: Team, number: int) -> Ended:
    root = team.checkout(f"fault-{number}", *application(team.image(_COMMIT)))
    return team.up(number, root, _COMMIT, "--timeout=4m")


def _down(team: Team, number: int) -> Ended:
    return team.down(number, "--timeout=4m")


def _space(number: int) -> str:
    return f"{PROJECT}-pr-{number}"


def _leader(team: Team, *, but: int = 0) -> tuple[str, int]:
    """The pod that leads, and its process; not the process `but`."""

    def look() -> tuple[str, int] | None:
        pod, process = controller(team.cluster)
        return (pod, process) if process not in (0, but) else None

    found = eventually(look, "a controller leads", timeout_s=120)
    assert found is not None
    return found


@pytest.mark.timeout(300)
def test_of_two_replicas_one_acts_and_the_other_takes_over(team: Team) -> None:
    """Only the holder of the lease visits previews; when it is gone for good, the other one goes on."""
    kubectl(team.cluster, "scale", f"deployment/{keys.CONTROLLER}", "--replicas=2", _SYSTEM)
    kubectl(team.cluster, "rollout", "status", f"deployment/{keys.CONTROLLER}", _SYSTEM)
    leader, process = _leader(team)
    assert _up(team, _NUMBER).code == 0
    pods = eventually(lambda: _running(team, 2), "two replicas run")
    acted = {pod: (_metric(team, pod, "kubepreview_leader"), _visits(team, pod) > 0) for pod in pods}

    # Its node is lost: no goodbye, and the pod does not come back.
    kill(process)
    kubectl(team.cluster, "delete", "pod", leader, _SYSTEM, "--grace-period=0", "--force")
    closed = _down(team, _NUMBER)
    successor, _ = _leader(team, but=process)
    kubectl(team.cluster, "scale", f"deployment/{keys.CONTROLLER}", "--replicas=1", _SYSTEM)
    eventually(lambda: _running(team, 1), "one replica is left")

    assert {pod: state for pod, state in acted.items() if state != (0.0, False)} == {leader: (1.0, True)}
    assert closed.code == 0, closed.err
    assert successor != leader
    assert _space(_NUMBER) not in team.names("namespace")


def _running(team: Team, count: int) -> list[str]:
    said = kubectl(
        team.cluster,
        *("get", "pods", _SYSTEM, f"-l=app.kubernetes.io/name={keys.CONTROLLER}"),
        "--output=jsonpath={.items[*].metadata.name}",
    )
    names = said.split()
    return names if len(names) == count else []


def _metric(team: Team, pod: str, name: str) -> float:
    path = f"/api/v1/namespaces/{keys.SYSTEM_NAMESPACE}/pods/{pod}:8080/proxy/metrics"
    values = [
        float(line.rpartition(" ")[2])
        for line in kubectl(team.cluster, "get", "--raw", path).splitlines()
        if line.startswith((f"{name} ", f"{name}{{"))
    ]
    return sum(values)


def _visits(team: Team, pod: str) -> float:
    return _metric(team, pod, "kubepreview_visits_total")
