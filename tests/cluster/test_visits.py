"""A preview sleeps when nobody visits it; whoever visits it keeps it awake, and robots are nobody."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from kubepreview.core import conditions, keys
from kubepreview.localcluster.addons import INGRESS_NAMESPACE
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import PROJECT, Team, sha

_COMMIT = sha("8")
_NUMBER = 188
_SPACE = f"{PROJECT}-pr-{_NUMBER}"
_SLEEP_AFTER_S = 12
_PERSON, _ROBOT = "Mozilla/5.0 Firefox/142.0", "Mozilla/5.0 (compatible; UptimeRobot/2.0)"


@pytest.fixture(scope="module")
def preview(team: Team) -> Iterator[Path]:
    """A preview of a project whose previews tire quickly."""
    team.decide(sleepAfter=f"{_SLEEP_AFTER_S}s")
    root = team.service(_COMMIT, _NUMBER)
    assert team.up(_NUMBER, root, _COMMIT).code == 0
    yield root
    team.decide(sleepAfter=None)
    assert team.down(_NUMBER).code == 0


def _visit(team: Team, agent: str) -> None:
    host, port = team.cluster.ingress
    name = {"Host": f"pr-{_NUMBER}.{PROJECT}.localhost", "User-Agent": agent}
    request = urllib.request.Request(f"http://{host}:{port}/version", headers=name)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 — the test's own
            assert answer.status == 200
    except urllib.error.HTTPError as error:
        # It is falling asleep, and the gateway lets no robot in.
        if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
            raise


def _activity(team: Team) -> str:
    return str(team.preview(_NUMBER)["status"]["activity"]["kind"])


def _while_visited(team: Team, agent: str, look: Callable[[], bool], what: str) -> None:
    """Visit, and look, until it shows."""

    def visited() -> bool:
        if team.condition(_NUMBER, conditions.ASLEEP)[0] != "True":
            _visit(team, agent)
        return look()

    eventually(visited, what, timeout_s=120)


def test_who_is_visited_stays_awake_and_who_is_not_sleeps(team: Team, preview: Path) -> None:
    """For longer than it would have slept after; then robots ask, and it sleeps all the same."""
    assert preview
    began = time.monotonic()

    _while_visited(
        team,
        _PERSON,
        lambda: time.monotonic() - began > 3 * _SLEEP_AFTER_S and _activity(team) == "Visit",
        "it is visited for longer than it would have slept after",
    )
    awake = team.condition(_NUMBER, conditions.READY)
    restarts = kubectl(
        team.cluster,
        "get",
        "events",
        f"--namespace={_SPACE}",
        "--field-selector=reason=Killing",
        "-o",
        "name",
    )
    _while_visited(
        team, _ROBOT, lambda: team.condition(_NUMBER, conditions.ASLEEP)[0] == "True", "it falls asleep"
    )
    eventually(lambda: not team.names("pod", _SPACE), "its pods are gone")
    _visit(team, _PERSON)

    assert awake == ("True", "Ready")
    assert restarts == ""
    eventually(lambda: team.condition(_NUMBER, conditions.READY)[0] == "True", "it is awake again")


@pytest.fixture
def without_a_log(team: Team) -> Iterator[None]:
    """An ingress that writes no access log, and a controller that has never seen it write one."""
    traefik = f"--namespace={INGRESS_NAMESPACE}", "deployment/traefik"
    shown = json.loads(kubectl(team.cluster, "get", *traefik, "--output=json"))
    before = shown["spec"]["template"]["spec"]["containers"][0]["args"]
    _set_arguments(team, traefik, [each for each in before if not each.startswith("--accesslog")])
    _restart(team, f"--namespace={keys.SYSTEM_NAMESPACE}", f"deployment/{keys.CONTROLLER}")
    yield
    _set_arguments(team, traefik, before)


def _set_arguments(team: Team, deployment: tuple[str, str], arguments: list[str]) -> None:
    path = "/spec/template/spec/containers/0/args"
    patch = json.dumps([{"op": "replace", "path": path, "value": arguments}])
    kubectl(team.cluster, "patch", *deployment, "--type=json", f"--patch={patch}")
    kubectl(team.cluster, "rollout", "status", *deployment, "--timeout=60s")


def _restart(team: Team, *deployment: str) -> None:
    kubectl(team.cluster, "rollout", "restart", *deployment)
    kubectl(team.cluster, "rollout", "status", *deployment, "--timeout=60s")


def _told(team: Team) -> str:
    said = team.preview(_NUMBER)["status"]["conditions"]
    return next(str(each.get("message", "")) for each in said if each["type"] == conditions.ASLEEP)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("without_a_log")
def test_without_a_log_whoever_asks_keeps_it_awake(team: Team, preview: Path) -> None:
    """Robots too, as the status says; our own probes do not, so that it sleeps when nobody else asks."""
    assert preview

    _while_visited(
        team,
        _ROBOT,
        lambda: _activity(team) == "Visit" and _told(team).startswith("whoever asks keeps it awake"),
        "a robot is taken for a visitor",
    )
    eventually(
        lambda: team.condition(_NUMBER, conditions.ASLEEP)[0] == "True", "it falls asleep", timeout_s=120
    )
    # While it falls asleep, it is still the preview that answers.
    eventually(lambda: not team.names("pod", _SPACE), "its pods are gone")
    _visit(team, _PERSON)
    eventually(lambda: team.condition(_NUMBER, conditions.READY)[0] == "True", "it is awake again")
