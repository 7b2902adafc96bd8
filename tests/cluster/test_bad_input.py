"""Manifests that a preview may not have: told early, and refused by the cluster where nobody told.

Each case is declared twice: as its author would, when nothing is sent, and with the early check left out,
when the cluster itself has to say no, as well, and to do nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from kubepreview.core import conditions
from kubepreview.core.wire import Object
from tests.cluster.machine import kubectl
from tests.cluster.team import PROJECT, Team, application, sha
from tests.commands import Ended

_COMMIT = sha("1")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A mistake. `brings` is made with an image that the project allows.

    `early` is what `up` says of it before anything is sent, empty where only the cluster can know; `said`
    is which condition then tells the cluster's refusal, with what reason and words.
    """

    number: int
    brings: Callable[[str], list[Object]]
    early: tuple[str, ...]
    said: tuple[str, str]
    words: tuple[str, ...]


def _service(**spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}], **spec},
    }


def _pod(image: str, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shell"},
        "spec": {"containers": [{"name": "main", "image": image}], **spec},
    }


def _deployment(image: str, pod: Mapping[str, Any] | None = None, **container: Any) -> list[Object]:
    objects = application(image, **container)
    objects[0]["spec"]["template"]["spec"] |= dict(pod or {})
    return objects


def _stateful_set(image: str) -> Object:
    """Its controller tells nobody but the Events that its pods are refused."""
    labels = {"app": "db"}
    container = {
        "name": "db",
        "image": image,
        "securityContext": {"privileged": True},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {
            "serviceName": "db",
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            "volumeClaimTemplates": [_claim("data", "1Gi")],
        },
    }


def _claim(name: str, size: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


def _named(api_version: str, kind: str, **rest: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **rest}


_HOST_PATH = [{"name": "node", "hostPath": {"path": "/"}}]
_TOKEN = [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]
_APPLIED = (conditions.APPLIED, "Refused")
_NOT_ACCEPTED = (conditions.ACCEPTED, "KindNotAllowed")
_NO_PODS = (conditions.AVAILABLE, "PodsRefused")

CASES: Mapping[str, Case] = {
    "ClusterRole": Case(
        number=20,
        brings=lambda _: [_service(), _named("rbac.authorization.k8s.io/v1", "ClusterRole", rules=[])],
        early=("ClusterRole/x: kind: ", "a preview may not grant rights"),
        said=_NOT_ACCEPTED,
        words=("ClusterRole/x: kind: ", "a preview may not grant rights"),
    ),
    "a wrong apiVersion": Case(
        number=21,
        brings=lambda image: [_service(), {**application(image)[0], "apiVersion": "extensions/v1beta1"}],
        early=("Deployment/web: apiVersion: ", "'extensions/v1beta1'", "use apps/v1"),
        said=_NOT_ACCEPTED,
        words=("Deployment/web: apiVersion: ", "'extensions/v1beta1'", "use apps/v1"),
    ),
    "a Pod with hostPath": Case(
        number=22,
        brings=lambda image: [_service(), _pod(image, volumes=_HOST_PATH)],
        early=("Pod/shell: spec.volumes[0].hostPath: ", "use an emptyDir"),
        said=_APPLIED,
        words=("Pod/shell: ", 'violates PodSecurity "baseline', "hostPath volumes", "→ remove the field"),
    ),
    "a privileged container": Case(
        number=23,
        brings=lambda image: _deployment(image, securityContext={"privileged": True}),
        early=(
            "Deployment/web: spec.template.spec.containers[0].securityContext.privileged: ",
            "leave it out",
        ),
        said=_NO_PODS,
        words=("Deployment/web: ", 'violates PodSecurity "baseline', "privileged", "→ remove the field"),
    ),
    "hostNetwork": Case(
        number=24,
        brings=lambda image: _deployment(image, {"hostNetwork": True}),
        early=("Deployment/web: spec.template.spec.hostNetwork: ", "leave the field out"),
        said=_NO_PODS,
        words=("Deployment/web: ", "spec.hostNetwork: Forbidden", "→ leave the field out"),
    ),
    "a token of the cluster": Case(
        number=25,
        brings=lambda image: _deployment(image, {"volumes": _TOKEN}),
        early=("Deployment/web: spec.template.spec.volumes[0].projected: ", "remove the serviceAccountToken"),
        said=_NO_PODS,
        words=("Deployment/web: ", "spec.volumes has a projected source other than", "remove the volume"),
    ),
    "a privileged StatefulSet": Case(
        number=33,
        brings=lambda image: [_service(), _stateful_set(image)],
        early=(
            "StatefulSet/db: spec.template.spec.containers[0].securityContext.privileged: ",
            "leave it out",
        ),
        said=_APPLIED,
        words=("StatefulSet/db: ", 'violates PodSecurity "baseline', "privileged", "→ remove the field"),
    ),
    "a Service with an address of its own": Case(
        number=26,
        brings=lambda _: [_service(externalIPs=["192.0.2.1"])],
        early=("Service/web: spec.externalIPs: ", "leave the field out"),
        said=_APPLIED,
        words=("Service/web: ", "spec.externalIPs is set", "leave the field out"),
    ),
    "a field that is not": Case(
        number=27,
        brings=lambda _: [_service(selectors={"app": "web"})],
        early=(),
        said=_APPLIED,
        words=("Service/web: ", ".spec.selectors: ", "→ correct the spelling of the field"),
    ),
    "a pod beyond the quota": Case(
        number=28,
        brings=lambda image: _deployment(image, resources={"limits": {"cpu": "100"}}),
        early=(),
        said=_NO_PODS,
        words=("Deployment/web: ", "exceeded quota: kubepreview", "limits.cpu", "→ lower what it asks for"),
    ),
    "claims beyond the quota together": Case(
        number=29,
        brings=lambda _: [_service(), _claim("a", "3Gi"), _claim("b", "3Gi")],
        early=(),
        said=_APPLIED,
        words=("PersistentVolumeClaim/", "exceeded quota: kubepreview", "requests.storage", "→ lower what"),
    ),
}
_FORESEEN = [name for name, case in CASES.items() if case.early]


def _declare(team: Team, name: str, *flags: str) -> Ended:
    case = CASES[name]
    root = team.checkout(f"bad-{case.number}", *case.brings(team.image(_COMMIT)))
    return team.up(case.number, root, _COMMIT, *flags)


@pytest.fixture(scope="module")
def refused(team: Team) -> Iterator[Mapping[str, Ended]]:
    """Every case, declared with the early check left out; all are closed when this module is over."""
    team.image(_COMMIT)
    flags = ("--skip-precheck", "--timeout=90s")
    with ThreadPoolExecutor(max_workers=5) as pool:
        ended = dict(zip(CASES, pool.map(lambda name: _declare(team, name, *flags), CASES), strict=True))
        yield ended
        list(pool.map(lambda case: team.down(case.number), CASES.values()))


@pytest.mark.parametrize("name", _FORESEEN)
def test_the_early_check_tells_and_nothing_is_sent(team: Team, name: str) -> None:
    """Exit 3 with object, field, rule and cure; the cluster has heard nothing of it."""
    ended = _declare(team, name)

    assert ended.code == 3, ended.err
    for words in (*CASES[name].early, "nothing was sent"):
        assert words in ended.err
    assert "rapidrar-pr-" not in ended.out


@pytest.mark.parametrize("name", CASES)
def test_the_cluster_refuses_by_itself(team: Team, refused: Mapping[str, Ended], name: str) -> None:
    """Without the early check the Preview's condition says it as well, and `up` repeats it and exits."""
    case, ended = CASES[name], refused[name]
    kind, reason = case.said
    condition = _condition(team, case.number, kind)

    assert ended.code == (1 if case.said == _NO_PODS else 3), ended.err
    assert (condition["status"], condition["reason"]) == ("False", reason)
    for words in case.words:
        assert words in condition["message"]
        assert words in ended.err
    assert "nothing is served by this preview" in ended.err


@pytest.mark.parametrize("name", CASES)
def test_nothing_of_a_refused_object_exists(team: Team, refused: Mapping[str, Ended], name: str) -> None:
    """No pod runs, no object of a kind that is refused is there, and no port of the node is open."""
    assert refused[name].code != 0
    space = f"{PROJECT}-pr-{CASES[name].number}"
    said = kubectl(team.cluster, "get", "pods,services", f"--namespace={space}", "--output=json")

    for obj in json.loads(said)["items"]:
        assert obj["kind"] == "Service"
        assert obj["spec"]["type"] == "ClusterIP"
    assert "x" not in team.names("clusterrole")


def test_a_refusal_that_is_foreseen_leaves_nothing_of_the_revision(
    team: Team, refused: Mapping[str, Ended]
) -> None:
    """All objects are tried before one is written: the Service beside a refused Pod is not there either."""
    assert refused["a Pod with hostPath"].code == 3

    assert team.names("service", f"{PROJECT}-pr-{CASES['a Pod with hostPath'].number}") == []


def test_closing_what_was_refused_leaves_nothing(team: Team, refused: Mapping[str, Ended]) -> None:
    """Whatever part of it was built is gone after `down`."""
    name = "claims beyond the quota together"
    assert refused[name].code == 3

    ended = team.down(CASES[name].number)

    assert ended.code == 0, ended.err
    assert f"{PROJECT}-pr-{CASES[name].number}" not in team.names("namespace")


def _condition(team: Team, number: int, kind: str) -> dict[str, str]:
    found: list[dict[str, str]] = team.preview(number)["status"]["conditions"]
    return next(each for each in found if each["type"] == kind)
