"""The controller is killed, again and again: the end is right each time, and nothing is left over."""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kubepreview.core import keys
from tests.cluster.machine import controller, eventually, kill, kubectl
from tests.cluster.team import PROJECT, Team, application, sha
from tests.cluster.witness import Witness, watching
from tests.commands import Ended

_COMMIT = sha("1")
_FIRST = 100
_KILLS = 3
_SEED = 20261124
_SYSTEM = f"--namespace={keys.SYSTEM_NAMESPACE}"


def _up(team: Team, number: int) -> Ended:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"a": "b"}}
    root = team.checkout(f"fault-{number}", *application(team.image(_COMMIT)), config)
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


def _objects(team: Team, number: int) -> list[str]:
    """What is in the namespace of what the pull request and the product wrote."""
    kinds = "deployments,services,configmaps,ingresses"
    said = kubectl(
        team.cluster, "get", kinds, f"-n={_space(number)}", f"-l={keys.MANAGED}=true", "--output=name"
    )
    return sorted(said.split())


def _receipt(team: Team, number: int) -> dict[str, Any]:
    found: dict[str, Any] = team.preview(number)["status"]["receipt"]
    return found


@pytest.mark.timeout(900)
def test_a_controller_that_is_killed_at_random_loses_nothing(team: Team) -> None:
    """Three kills, each while one preview goes up and another goes down: both end as if nothing had been.

    Of every write, in the order of the apiserver: no object of a pull request was ever there without every
    guardrail, and none was made twice.
    """
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    team.image(_COMMIT)
    with watching(team.cluster) as witness, ThreadPoolExecutor(max_workers=2) as pool:
        began = time.monotonic()
        assert _up(team, _FIRST).code == 0
        undisturbed_s = time.monotonic() - began
        _, process = _leader(team)
        for number in range(_FIRST + 1, _FIRST + 1 + _KILLS):
            up, down = pool.submit(_up, team, number), pool.submit(_down, team, number - 1)
            delay_s = rng.random() * undisturbed_s
            print(f"seed {_SEED}, pr-{number}: killed after {delay_s:.2f} s")  # noqa: T201 - pytest shows it on failure
            time.sleep(delay_s)  # the fault's own moment; nothing is awaited by it
            kill(process)
            opened, closed = up.result(), down.result()
            _assert_right(team, number, opened, closed)
            _, process = _leader(team, but=process)
        assert _down(team, _FIRST + _KILLS).code == 0
        _assert_nothing_is_left(team, witness)


def _assert_right(team: Team, number: int, up: Ended, down: Ended) -> None:
    assert up.code == 0, up.err
    assert json.loads(team.ask(number, "/version")[1])["sha"] == _COMMIT
    assert _objects(team, number) == [
        "configmap/web",
        "deployment.apps/web",
        f"ingress.networking.k8s.io/{keys.GUARD}",
        "service/web",
    ]
    assert down.code == 0, down.err
    receipt = _receipt(team, number - 1)
    assert all(receipt[each] for each in ("routeGoneAt", "podsGoneAt", "namespaceGoneAt")), receipt
    assert _space(number - 1) not in team.names("namespace")


def _assert_nothing_is_left(team: Team, witness: Witness) -> None:
    ours = {_space(number) for number in range(_FIRST, _FIRST + 1 + _KILLS)}
    assert not ours & set(team.names("namespace"))
    eventually(
        lambda: ours <= {each.name for each in witness.seen if each.type == "DELETED"},
        "the witness has seen every namespace go",
    )
    assert [each for each in witness.unguarded() if each.startswith(tuple(ours))] == []
    assert [
        each
        for each in witness.made_too_often({"ReplicaSet": 1, "Ingress": 1})
        if each.startswith(tuple(ours))
    ] == []


@pytest.mark.timeout(300)
def test_of_two_replicas_one_acts_and_the_other_takes_over(team: Team) -> None:
    """Only the holder of the lease visits previews; when it is gone for good, the other one goes on."""
    kubectl(team.cluster, "scale", f"deployment/{keys.CONTROLLER}", "--replicas=2", _SYSTEM)
    kubectl(team.cluster, "rollout", "status", f"deployment/{keys.CONTROLLER}", _SYSTEM)
    leader, process = _leader(team)
    assert _up(team, 130).code == 0
    pods = eventually(lambda: _running(team, 2), "two replicas run")
    acted = {pod: (_metric(team, pod, "kubepreview_leader"), _visits(team, pod) > 0) for pod in pods}

    # Its node is lost: no goodbye, and the pod does not come back.
    kill(process)
    kubectl(team.cluster, "delete", "pod", leader, _SYSTEM, "--grace-period=0", "--force")
    closed = _down(team, 130)
    successor, _ = _leader(team, but=process)
    kubectl(team.cluster, "scale", f"deployment/{keys.CONTROLLER}", "--replicas=1", _SYSTEM)
    eventually(lambda: _running(team, 1), "one replica is left")

    assert {pod: state for pod, state in acted.items() if state != (0.0, False)} == {leader: (1.0, True)}
    assert closed.code == 0, closed.err
    assert successor != leader
    assert _space(130) not in team.names("namespace")


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
