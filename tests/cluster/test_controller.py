"""What an operator sees of the controller: health, metrics, logs, Events, printer columns."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from kubepreview.core.keys import CONTROLLER, SYSTEM_NAMESPACE
from tests.cluster.machine import kubectl
from tests.cluster.team import CONTROL_NAMESPACE, Team, sha

_NUMBER = 21
_COMMIT = sha("1")
_PROXY = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/services/{CONTROLLER}:http/proxy"


@pytest.fixture(scope="module")
def opened(team: Team) -> Iterator[Team]:
    """A preview that is ready."""
    team.up(_NUMBER, team.service(_COMMIT, _NUMBER), _COMMIT).done()
    yield team
    team.down(_NUMBER).done()


@pytest.mark.parametrize("page", ["healthz", "readyz"])
def test_a_running_controller_says_ok(opened: Team, page: str) -> None:
    """Alive, and every first list is in."""
    assert kubectl(opened.cluster, "get", "--raw", f"{_PROXY}/{page}").strip() == "ok"


def test_metrics_count_visits_and_name_the_leader(opened: Team) -> None:
    """The names say the unit, and the only replica leads."""
    metrics = kubectl(opened.cluster, "get", "--raw", f"{_PROXY}/metrics")
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))

    assert float(values["kubepreview_leader"]) == 1
    assert float(values['kubepreview_visits_total{outcome="done"}']) > 0
    assert float(values["kubepreview_previews"]) >= 1


def test_every_line_of_the_log_is_one_object_with_a_constant_event(opened: Team) -> None:
    """What varies is a field: the log can be searched for the preview and for the reason."""
    log = kubectl(opened.cluster, "logs", f"deployment/{CONTROLLER}", f"--namespace={SYSTEM_NAMESPACE}")
    lines = [json.loads(line) for line in log.splitlines()]
    reasons = [
        line["reason"]
        for line in lines
        if line["event"] == "preview changed" and line["preview"] == f"{CONTROL_NAMESPACE}/pr-{_NUMBER}"
    ]

    assert all({"event", "level", "time"} <= set(line) for line in lines)
    assert reasons[-1] == "Ready"


def test_events_tell_the_story_of_the_preview(opened: Team) -> None:
    """`kubectl describe preview` shows what happened, also to somebody without the command line."""
    said = kubectl(opened.cluster, "describe", "preview", f"pr-{_NUMBER}", f"--namespace={CONTROL_NAMESPACE}")
    events = said.partition("Events:")[2]

    assert "Ready" in events
    assert "1111111 is served" in events


def test_the_printer_columns_are_a_table_for_people(opened: Team) -> None:
    """`kubectl get previews` shows state, readiness, pods, link and author."""
    head, *rows = kubectl(opened.cluster, "get", "previews", f"--namespace={CONTROL_NAMESPACE}").splitlines()

    assert head.split() == ["NAME", "STATE", "READY", "REASON", "PODS", "URL", "AUTHOR", "AGE"]
    assert any(row.split()[:4] == [f"pr-{_NUMBER}", "Open", "True", "Ready"] for row in rows)
