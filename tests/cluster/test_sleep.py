"""A preview that sleeps has no pods; it wakes with as many as it had, and shows what it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubepreview.core import conditions
from kubepreview.core.wire import Object
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import PROJECT, Team, application, sha
from tests.commands import Ended

_FIRST, _SECOND, _THIRD = sha("1"), sha("2"), sha("3")
_NUMBER = 155
_SPACE = f"{PROJECT}-pr-{_NUMBER}"


def _objects(team: Team, commit: str) -> list[Object]:
    """The application under an autoscaler that wants two of it, and a CronJob."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 5},
    }
    container = {"name": "tidy", "image": team.image(commit)}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    cron_job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "tidy"},
        "spec": {"schedule": "0 4 1 1 *", "jobTemplate": {"spec": {"template": template}}},
    }
    objects = application(team.image(commit))
    for obj in objects:
        if obj["kind"] == "Deployment":
            del obj["spec"]["replicas"]
    return [*objects, autoscaler, cron_job]


@pytest.fixture(scope="module")
def preview(team: Team) -> Iterator[Path]:
    """A preview of several pods, awake, in which the autoscaler has had its way."""
    root = team.checkout("sleep", *_objects(team, _FIRST))
    assert team.up(_NUMBER, root, _FIRST).code == 0
    eventually(lambda: _replicas(team) == 2, "the autoscaler makes it two", timeout_s=90)
    yield root
    assert team.down(_NUMBER).code == 0
    assert _SPACE not in team.names("namespace")


def _replicas(team: Team) -> int:
    return int(_told(team, "deployment", "web", "{.spec.replicas}"))


def _told(team: Team, kind: str, name: str, path: str) -> str:
    return kubectl(team.cluster, "get", kind, name, f"--namespace={_SPACE}", f"--output=jsonpath={path}")


def _type(team: Team, *argv: str) -> Ended:
    return team.type(*argv, str(_NUMBER), f"--project={PROJECT}")


def _push(team: Team, name: str, commit: str, on_push: str) -> Ended:
    team.decide(onPush=on_push)
    return team.up(_NUMBER, team.checkout(name, *_objects(team, commit)), commit)


def test_it_wakes_with_as_many_pods_as_it_had(team: Team, preview: Path) -> None:
    """No pod is left while it sleeps, also not by its autoscaler; all else stays, and so does the count."""
    assert preview
    kubectl(team.cluster, "scale", "deployment/web", "--replicas=3", f"--namespace={_SPACE}")
    eventually(lambda: len(team.names("pod", _SPACE)) == 3, "three pods are there")

    slept = _type(team, "sleep")
    pods, services = team.names("pod", _SPACE), team.names("service", _SPACE)
    replicas, suspended = _replicas(team), _told(team, "cronjob", "tidy", "{.spec.suspend}")
    said = team.condition(_NUMBER, conditions.READY), team.condition(_NUMBER, conditions.ASLEEP)
    shown = _type(team, "status").out
    # Whoever counts pods has had time to look at what he thinks too few.
    eventually(
        lambda: "ScalingDisabled" in _told(team, "hpa", "web", "{.status.conditions[*].reason}"),
        "the autoscaler rests",
    )
    resting = _replicas(team)
    woken = _type(team, "wake")

    assert slept.code == 0, slept.err
    assert (pods, services, replicas, suspended) == ([], ["web"], 0, "true")
    assert said == (("False", "Asleep"), ("True", "Asleep"))
    assert f"`kubepreview wake {_NUMBER}`, wakes it" in shown
    assert "nothing: it sleeps" in shown
    assert resting == 0
    assert woken.code == 0, woken.err
    assert woken.out.strip() == f"http://pr-{_NUMBER}.{PROJECT}.localhost:{team.cluster.ingress[1]}/"
    assert (_replicas(team), _told(team, "cronjob", "tidy", "{.spec.suspend}")) == (3, "false")
    assert team.served(_NUMBER) == _FIRST
    assert team.condition(_NUMBER, conditions.ASLEEP) == ("False", "Awake")


def test_a_push_changes_it_in_its_sleep_or_wakes_it(team: Team, preview: Path) -> None:
    """As the project says; asleep no pod of the new commit runs, and waking shows that commit."""
    assert preview
    assert _type(team, "sleep").code == 0

    silent = _push(team, "sleep-2", _SECOND, "StayAsleep")
    pods, image = team.names("pod", _SPACE), _told(team, "deployment", "web", "{..containers[0].image}")
    woken = _type(team, "wake")
    seen = team.served(_NUMBER)
    assert _type(team, "sleep").code == 0
    loud = _push(team, "sleep-3", _THIRD, "Wake")

    assert silent.code == 0, silent.err
    assert (pods, image) == ([], team.image(_SECOND))
    assert woken.code == 0, woken.err
    assert seen == _SECOND
    assert loud.code == 0, loud.err
    assert (team.served(_NUMBER), _replicas(team)) == (_THIRD, 3)


def test_a_controller_that_is_killed_meanwhile_forgets_no_count(team: Team, preview: Path) -> None:
    """Whoever comes after it finishes what was begun, with the counts that were on record."""
    assert preview
    assert _type(team, "sleep", "--timeout=1s").code in {0, 4}
    team.kill_controller()
    eventually(lambda: team.condition(_NUMBER, conditions.READY)[1] == "Asleep", "it sleeps")
    _type(team, "wake", "--timeout=1s")
    team.kill_controller()
    eventually(lambda: team.condition(_NUMBER, conditions.READY)[0] == "True", "it is awake")

    assert (_replicas(team), team.served(_NUMBER)) == (3, _THIRD)
