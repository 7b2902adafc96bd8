"""What teams really bring: the example from each kind of source, and applications of several parts.

- kustomize, Helm and plain files come to the same, and a DaemonSet runs as one replica
- a migration Job is replaced with each commit
- several workloads find each other by name, and nothing beyond their namespace
- a project that keeps DaemonSets, and wants `restricted` pods
- two projects whose previews would share a namespace
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from kubepreview.core.wire import Object
from tests.cluster.machine import apply, kubectl, namespace, pod, wait_until_ready
from tests.cluster.team import EXAMPLE, PROJECT, Team, application, sha
from tests.commands import Ended

_FIRST, _SECOND = sha("1"), sha("2")
_MIGRATED, _SEVERAL, _KEPT, _ROOT, _SHARED = 73, 74, 75, 76, 77
_SOURCES: Mapping[int, Mapping[str, Any]] = {
    70: {"kustomize": "deploy/overlays/preview"},
    71: {"helm": {"chart": "chart"}},
    72: {"files": [f"deploy/base/{name}.yaml" for name in ("daemonset", "service", "ingress")]},
}
_STRICT, _TWIN = "strict", "twin"
_ELSEWHERE = "workloads-elsewhere"


def _example(team: Team, number: int, **preview_yml: Any) -> Ended:
    """`up` of the example as it is in the repository, with this preview.yml."""
    root = team.folder / f"example-{number}"
    if not root.exists():
        shutil.copytree(EXAMPLE, root)
    settings = {"project": team.project, "images": ["rapidrar"], **preview_yml}
    (root / ".github" / "preview.yml").write_text(yaml.safe_dump(settings))
    return team.up(number, root, _FIRST, f"--image=rapidrar={team.image(_FIRST)}")


def _get(team: Team, number: int, kind: str, name: str) -> Object:
    space = f"{team.project}-pr-{number}"
    said = kubectl(team.cluster, "get", kind, name, f"--namespace={space}", "--output=json")
    found: Object = json.loads(said)
    return found


# one example, three sources


@pytest.mark.parametrize("number", _SOURCES, ids=[next(iter(source)) for source in _SOURCES.values()])
def test_the_example_runs_from_each_source(team: Team, number: int) -> None:
    """Each source is served by its commit, as a Deployment of one replica; then nothing of it is left."""
    ended = _example(team, number, manifests=_SOURCES[number])
    space = f"{PROJECT}-pr-{number}"
    deployment = _get(team, number, "deployment", "rapidrar")
    ingresses, daemon_sets = team.names("ingress", space), team.names("daemonset", space)
    served = team.served(number)
    closed = team.down(number)

    assert ended.code == 0, ended.err
    assert "DaemonSet/rapidrar: now a Deployment with one replica" in ended.err
    assert (deployment["spec"]["replicas"], deployment["status"]["readyReplicas"]) == (1, 1)
    assert (daemon_sets, ingresses) == ([], ["kubepreview"])
    assert served == _FIRST
    assert (closed.code, space in team.names("namespace")) == (0, False)


# a Job that changes with each commit


def _job(image: str, commit: str) -> Object:
    container = {"name": "migrate", "image": image, "command": ["python3", "-c", f"print('{commit}')"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate"},
        "spec": {"template": template, "backoffLimit": 0},
    }


def _migrate(team: Team, commit: str) -> tuple[str, str]:
    """`up` of a commit with its own migration: the Job's uid, and what it printed."""
    image = team.image(commit)
    root = team.checkout("migrates", *application(image), _job(image, commit))
    team.up(_MIGRATED, root, commit).done()
    job = _get(team, _MIGRATED, "job", "migrate")
    assert job["status"]["succeeded"] == 1
    return job["metadata"]["uid"], kubectl(
        team.cluster, "logs", "job/migrate", f"--namespace={PROJECT}-pr-{_MIGRATED}"
    )


def test_the_migration_of_a_new_commit_takes_the_place_of_the_old(team: Team) -> None:
    """A Job cannot be changed: the second commit's is another Job, it has run, and the commit is served."""
    first_uid, first_said = _migrate(team, _FIRST)
    second_uid, second_said = _migrate(team, _SECOND)
    served = team.served(_MIGRATED)
    team.down(_MIGRATED).done()

    assert (first_said.strip(), second_said.strip()) == (_FIRST, _SECOND)
    assert first_uid != second_uid
    assert served == _SECOND


# an application of several parts


def _named(name: str, image: str) -> list[Object]:
    """The example's Deployment and Service under another name."""
    deployment, service = application(image)
    labels = {"app": name}
    deployment["spec"]["selector"]["matchLabels"] = labels
    deployment["spec"]["template"]["metadata"]["labels"] = labels
    service["spec"]["selector"] = labels
    for obj in (deployment, service):
        obj["metadata"]["name"] = name
    return [deployment, service]


def _stateful(name: str, image: str) -> list[Object]:
    """A StatefulSet without volumes, and the headless Service that names its pods."""
    deployment, service = _named(name, image)
    stateful = {**deployment, "kind": "StatefulSet", "spec": {**deployment["spec"], "serviceName": name}}
    service["spec"]["clusterIP"] = "None"
    return [stateful, service]


def _scaler(of: str) -> Object:
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": of}
    spec = {
        "scaleTargetRef": target,
        "minReplicas": 1,
        "maxReplicas": 2,
        "metrics": [{"type": "Resource", "resource": cpu}],
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": of},
        "spec": spec,
    }


@pytest.fixture(scope="module")
def several(team: Team) -> Iterator[Team]:
    """An application of three workloads and an autoscaler, and a pod like theirs outside, unguarded."""
    image = team.image(_FIRST)
    parts = (*application(image), *_named("backend", image), *_stateful("store", image), _scaler("backend"))
    outside = pod("outside", image)
    service = _named("outside", image)[1]
    for obj in (outside, service):
        obj["metadata"]["namespace"] = _ELSEWHERE
    service["spec"]["ports"][0]["targetPort"] = 8080
    apply(team.cluster, namespace(_ELSEWHERE), outside, service)
    entry = {"service": "web", "port": "http", "path": "/healthz"}
    team.up(_SEVERAL, team.checkout("several", *parts, entry=entry), _FIRST).done()
    wait_until_ready(team.cluster, _ELSEWHERE, "outside")
    yield team
    team.down(_SEVERAL).done()
    kubectl(team.cluster, "delete", "namespace", _ELSEWHERE, "--wait=false")


_REACHES = """
import socket, ssl, sys, urllib.error, urllib.request
context = ssl._create_unverified_context()
try:
    print("answered", urllib.request.urlopen(sys.argv[1], timeout=3, context=context).status)
except urllib.error.HTTPError as error:
    print("answered", error.code)
except OSError as error:
    reason = getattr(error, "reason", error)
    print("no such name" if isinstance(reason, socket.gaierror) else "no answer", reason)
"""
_INSIDE = (f"--namespace={PROJECT}-pr-{_SEVERAL}", "deployment/web")
_OUTSIDE = (f"--namespace={_ELSEWHERE}", "pod/outside")
_APISERVER = "https://kubernetes.default.svc.cluster.local/version"
_NEIGHBOUR = f"http://outside.{_ELSEWHERE}.svc.cluster.local/healthz"


def _asks(team: Team, whence: tuple[str, str], url: str) -> str:
    """What a pod hears from an address."""
    space, name = whence
    return kubectl(team.cluster, "exec", space, name, "--", "python3", "-c", _REACHES, url).strip()


@pytest.mark.parametrize("host", ["backend", "store-0.store"])
def test_the_parts_of_an_application_find_each_other_by_name(several: Team, host: str) -> None:
    """A Service by its short name, and a pod of a StatefulSet by its own."""
    port = ":8080" if "." in host else ""

    assert _asks(several, _INSIDE, f"http://{host}{port}/healthz") == "answered 200"


@pytest.mark.parametrize("url", [_NEIGHBOUR, _APISERVER], ids=["another namespace", "the apiserver"])
def test_nothing_beyond_its_namespace_answers_a_preview(several: Team, url: str) -> None:
    """The same request is answered to a pod outside, and not to the preview's."""
    assert _asks(several, _OUTSIDE, url).startswith("answered")
    assert _asks(several, _INSIDE, url).startswith("no answer")


def test_nobody_reaches_into_a_preview_past_the_ingress(several: Team) -> None:
    """A pod of another namespace gets no answer from a Service that answers the preview's own pods."""
    backend = f"http://backend.{PROJECT}-pr-{_SEVERAL}.svc.cluster.local/healthz"

    assert _asks(several, _INSIDE, backend) == "answered 200"
    assert _asks(several, _OUTSIDE, backend).startswith("no answer")


def test_every_part_counts_for_ready(several: Team) -> None:
    """Two Deployments and a StatefulSet are three pods; the autoscaler is there, and none of them."""
    found = several.preview(_SEVERAL)["status"]

    assert found["pods"] == "3/3"
    assert several.names("hpa", f"{PROJECT}-pr-{_SEVERAL}") == ["backend"]
    assert {ref["kind"] for ref in found["inventory"]} == {
        *("Deployment", "StatefulSet", "Service", "HorizontalPodAutoscaler")
    }


# other projects


@pytest.fixture(scope="module")
def strict(team: Team) -> Iterator[Team]:
    """A project that keeps DaemonSets, and whose pods must meet `restricted`."""
    strict = team.with_project(_STRICT, "--pod-profile=restricted", "--daemon-sets=Keep")
    yield strict
    # Told to both before either is waited for.
    for number, *flags in ((_KEPT, "--no-wait"), (_ROOT,), (_KEPT,)):
        strict.down(number, *flags).done()
    strict.leave_project()


def test_the_example_meets_restricted_and_stays_a_daemon_set_where_a_project_keeps_them(strict: Team) -> None:
    """It is served by its commit from a DaemonSet, in a namespace that enforces `restricted`."""
    manifests = {"kustomize": "deploy/overlays/preview"}
    ended = _example(strict, _KEPT, manifests=manifests)
    daemon_set = _get(strict, _KEPT, "daemonset", "rapidrar")
    space = json.loads(kubectl(strict.cluster, "get", "namespace", f"{_STRICT}-pr-{_KEPT}", "-o", "json"))

    assert ended.code == 0, ended.err
    assert daemon_set["status"]["numberReady"] == 1
    assert strict.names("deployment", f"{_STRICT}-pr-{_KEPT}") == []
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert strict.served(_KEPT) == _FIRST


def test_root_is_refused_where_pods_are_restricted(strict: Team) -> None:
    """The pods never begin: `up` fails with PodsRefused, and names the field that must change."""
    as_root: Object = {
        "securityContext": {
            "runAsUser": 0,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    }
    objects = application(strict.image(_FIRST), **as_root)
    root = strict.checkout("as-root", *objects)
    ended = strict.up(_ROOT, root, _FIRST)

    assert (ended.code, ended.out) == (1, "")
    assert "PodsRefused" in ended.err
    for words in ("restricted", "runAsNonRoot", "runAsUser=0"):
        assert words in ended.err
    assert strict.names("pods", f"{_STRICT}-pr-{_ROOT}") == []


def test_of_two_projects_with_one_pattern_the_second_never_takes_what_the_first_has(team: Team) -> None:
    """The second waits and says whose the namespace is not; closing it takes nothing from the first."""
    space = f"{PROJECT}-pr-{_SHARED}"
    twin = team.with_project(_TWIN, f"--namespace-pattern={PROJECT}-pr-{{number}}")
    team.up(_SHARED, team.service(_FIRST, _SHARED), _FIRST).done()
    before = _uids(team, space)
    root = twin.checkout("twin", *application(team.image(_SECOND)))
    second = twin.up(_SHARED, root, _SECOND, "--timeout=4s")
    served = (team.served(_SHARED), twin.served(_SHARED))
    closed = twin.down(_SHARED)
    after = _uids(team, space)
    first_closed = team.down(_SHARED)
    twin.leave_project()

    assert (second.code, second.out) == (4, "")
    assert f"namespace {space}, which is not this preview's" in second.err
    assert served == (_FIRST, "404")
    assert closed.code == 0, closed.err
    assert before == after
    assert (first_closed.code, space in team.names("namespace")) == (0, False)


def _uids(team: Team, space: str) -> set[str]:
    kinds = "namespace,deployment,service,ingress,pod,resourcequota,networkpolicy"
    path = "jsonpath={.items[*].metadata.uid}"
    of_it = kubectl(team.cluster, "get", "namespace", space, "-o", "jsonpath={.metadata.uid}")
    return {
        of_it,
        *kubectl(team.cluster, "get", kinds.removeprefix("namespace,"), "-n", space, "-o", path).split(),
    }
