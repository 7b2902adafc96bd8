"""Previews displace nobody, whatever priority they name, on nodes that staging has filled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, Final

import pytest

from kubepreview.core import keys
from kubepreview.core.wire import Object
from tests.cluster.machine import apply, eventually, kubectl, namespace
from tests.cluster.team import PROJECT, Team, sha
from tests.cluster.walls.kwok_nodes import built, seeming
from tests.figures import Figures

_PREVIEWS: Final = int(os.environ.get("KUBEPREVIEW_CROWD", "24"))  # noqa: TID251 — an entry point of tests
_FIRST: Final = 3000
_STAGING: Final = "walls-crowded"
_URGENT: Final = "walls-urgent"
_NODES, _CPUS = 3, 8


def _pod_spec(team: Team, **fields: Any) -> Object:
    """It takes a whole processor. Nobody pulls its image on nodes that only seem to be there."""
    image = f"{team.cluster.registry}/web@sha256:{'0' * 64}"
    container = {"name": "web", "image": image, "resources": {"requests": {"cpu": "1"}}}
    return {"containers": [container], "terminationGracePeriodSeconds": 0, **fields}


def _deployment(team: Team, replicas: int, **fields: Any) -> Object:
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec(team, **fields)},
        },
    }


def _listed(team: Team, *what: str) -> list[Object]:
    found: list[Object] = json.loads(kubectl(team.cluster, "get", *what, "-o", "json"))["items"]
    return found


def _of_staging(team: Team) -> set[str]:
    """The pods of staging that run and are to go on."""
    return {
        pod["metadata"]["uid"]
        for pod in _listed(team, "pods", f"--namespace={_STAGING}", "--selector=app=web")
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    }


@pytest.fixture(scope="module")
def crowded(team: Team) -> Iterator[Team]:
    """Nodes without room: staging has all of it, at the default priority."""
    urgent = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": _URGENT},
        "value": 1000,
    }
    staging = _deployment(team, _NODES * _CPUS)
    staging["metadata"]["namespace"] = _STAGING
    with seeming(team.cluster, built(team.cache), _NODES, cpu=str(_CPUS), memory="64Gi", pods="500"):
        apply(team.cluster, namespace(_STAGING), urgent, staging)
        eventually(lambda: len(_of_staging(team)) == _NODES * _CPUS, "staging fills the nodes")
        yield team
        kubectl(team.cluster, "delete", "namespace", _STAGING, "--wait=false")
        kubectl(team.cluster, "delete", "priorityclass", _URGENT)


@pytest.mark.timeout(1800)  # the first run on a machine compiles kwok
def test_somebody_else_would_displace_staging(crowded: Team) -> None:
    """An ordinary pod of a higher priority does: otherwise it would prove nothing that previews do not."""
    before = _of_staging(crowded)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "urgent", "namespace": _STAGING}}
    apply(crowded.cluster, {**pod, "spec": _pod_spec(crowded, priorityClassName=_URGENT)})
    displaced = eventually(lambda: before - _of_staging(crowded), "a pod of staging goes")
    kubectl(crowded.cluster, "delete", "pod", "urgent", f"--namespace={_STAGING}")
    eventually(lambda: len(_of_staging(crowded)) == _NODES * _CPUS, "staging is whole again")

    assert len(displaced) == 1


@pytest.mark.timeout(900)
def test_previews_that_name_any_priority_displace_nobody(crowded: Team, figures: Figures) -> None:
    """As many as fill the nodes and more, of every class that there is; all of them wait for room."""
    before = _of_staging(crowded)
    classes = [each["metadata"]["name"] for each in _listed(crowded, "priorityclasses")]
    numbers = range(_FIRST, _FIRST + _PREVIEWS)
    try:
        apply(
            crowded.cluster,
            *(_preview(crowded, number, classes[number % len(classes)]) for number in numbers),
        )
        waiting = eventually(
            lambda: _all_waiting(crowded), "every preview's pod waits for room", timeout_s=600
        )
        after = _of_staging(crowded)
    finally:
        _close(crowded, numbers)

    assert {"system-node-critical", "system-cluster-critical", keys.PRIORITY_CLASS, _URGENT} <= set(classes)
    figures.count("displaced", len(before - after), len(before))
    figures.count("crowd", len(waiting), _PREVIEWS)
    assert after == before


def test_the_apiserver_refuses_a_priority_of_ones_own(crowded: Team) -> None:
    """Also where the product's own code is gone around: of all classes, previews get the one."""
    number = _FIRST + _PREVIEWS
    space = f"{PROJECT}-pr-{number}"
    apply(crowded.cluster, _preview(crowded, number, keys.PRIORITY_CLASS))
    kubectl(
        crowded.cluster,
        "wait",
        f"serviceaccount/{keys.DEPLOYER}",
        f"-n={space}",
        "--for=create",
        "--timeout=60s",
    )
    said = {
        name: kubectl(
            crowded.cluster,
            *("apply", f"--as={keys.deployer_user(space)}", "--dry-run=server", "-f", "-"),
            stdin=json.dumps(_bare_pod(crowded, space, name)),
            check=False,
        )
        for name in ("system-node-critical", "system-cluster-critical", _URGENT, "")
    }
    _close(crowded, range(number, number + 1))

    assert all(
        "spec.priorityClassName is not kubepreview" in words or "system-" in words for words in said.values()
    )
    assert all("forbidden" in words.lower() for words in said.values()), said


def _bare_pod(team: Team, space: str, priority: str) -> Object:
    named = {"priorityClassName": priority} if priority else {}
    metadata = {"name": "bare", "namespace": space}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": _pod_spec(team, **named)}


def _preview(team: Team, number: int, priority: str) -> Object:
    """As CI would write it, with a priority in its manifests."""
    service = {"ports": [{"port": 80}], "selector": {"app": "web"}}
    return {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": f"pr-{number}", "namespace": f"{PROJECT}-previews"},
        "spec": {
            "project": PROJECT,
            "pullRequest": {"number": number},
            "revision": {"sha": sha("c"), "observedAt": "2026-11-01T10:00:00Z"},
            "entry": {"service": "web", "port": 80},
            "manifests": [
                _deployment(team, 1, priorityClassName=priority),
                {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service},
            ],
        },
    }


def _all_waiting(team: Team) -> list[Object]:
    """The pods of all these previews, when each of them was told that there is no room."""
    pods = [
        pod
        for pod in _listed(team, "pods", "--all-namespaces", f"--selector={keys.PREVIEW}")
        if int(pod["metadata"]["labels"][keys.PREVIEW].removeprefix("pr-"))
        in range(_FIRST, _FIRST + _PREVIEWS)
    ]
    told = [
        pod
        for pod in pods
        for condition in pod["status"].get("conditions", ())
        if condition["type"] == "PodScheduled" and condition["reason"] == "Unschedulable"
    ]
    return told if len(told) == _PREVIEWS else []


def _close(team: Team, numbers: range) -> None:
    """Told to all before any is waited for."""
    patch = json.dumps({"spec": {"state": "Closed"}})
    for number in numbers:
        where = (f"--namespace={PROJECT}-previews", "preview", f"pr-{number}")
        kubectl(team.cluster, "patch", *where, "--type=merge", f"--patch={patch}")
    spaces = {f"namespace/{PROJECT}-pr-{number}" for number in numbers}
    eventually(
        lambda: not spaces & set(kubectl(team.cluster, "get", "namespaces", "-o", "name").split()),
        "the previews are gone",
        timeout_s=300,
    )
