"""What a request may not do, however it is written: take staging's host, live elsewhere, or come too late.

- what is read and never applied: an Ingress, a Namespace
- what is plainly wrong: exit 2, and nothing is sent
- what goes around the command line: a Preview written by hand
- two events at once: the later one wins, whichever arrives last
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from kubepreview.core import conditions, keys
from kubepreview.core.wire import Object
from tests.cluster.machine import apply, eventually, kubectl, namespace
from tests.cluster.team import CONTROL_NAMESPACE, PROJECT, Team, application, sha
from tests.commands import Ended

_STABLE, _COMMIT, _LATER = sha("a"), sha("1"), sha("2")
_STAGING, _STAGING_HOST = "rapidrar-staging", "rapidrar.localhost"


def _ingress(host: str) -> Object:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web"},
        "spec": {"rules": [{"host": host, "http": {"paths": [_path(backend)]}}]},
    }


def _path(backend: Object) -> Object:
    return {"path": "/", "pathType": "Prefix", "backend": backend}


def _preview(number: int, *manifests: Object, project: str = PROJECT) -> Object:
    """A Preview as anybody with the right to write one could, past the command line."""
    now = dt.datetime.now(dt.UTC).isoformat()  # noqa: TID251 - the test's clock
    return {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": f"pr-{number}", "namespace": f"{project}-previews"},
        "spec": {
            "project": project,
            "pullRequest": {"number": number},
            "revision": {"sha": _COMMIT, "observedAt": now},
            "state": "Open",
            "entry": {"service": "web", "port": 80},
            "manifests": list(manifests),
        },
    }


def _write(team: Team, preview: Object) -> None:
    """Whatever an earlier run of this test left of it, and whoever wrote that."""
    flags = ("--server-side", "--force-conflicts", "--filename=-")
    kubectl(team.cluster, "apply", *flags, stdin=json.dumps(preview))


def _served(team: Team, host: str) -> str:
    code, text = team.visit(host, "/version")
    return str(json.loads(text)["sha"]) if code == 200 else str(code)


def _condition(team: Team, number: int, kind: str, name_space: str = CONTROL_NAMESPACE) -> dict[str, Any]:
    """The condition, once it speaks of the Preview as it is now; until then nothing."""
    where = ("get", "preview", f"pr-{number}", f"--namespace={name_space}", "--output=json")
    found = json.loads(kubectl(team.cluster, *where))
    current = found["metadata"]["generation"]
    for each in found.get("status", {}).get("conditions", ()):
        if (each["type"], each["observedGeneration"]) == (kind, current):
            return dict(each)
    return {}


@pytest.fixture(scope="module")
def staging(team: Team) -> Iterator[Team]:
    """The stable deployment, at the host that no preview may take."""
    objects = [*application(team.image(_STABLE)), _ingress(_STAGING_HOST)]
    for obj in objects:
        obj["metadata"]["namespace"] = _STAGING
    apply(team.cluster, namespace(_STAGING), *objects)
    eventually(lambda: _served(team, _STAGING_HOST) == _STABLE, "staging answers")
    yield team
    kubectl(team.cluster, "delete", "namespace", _STAGING)


def test_an_ingress_for_stagings_host_never_takes_it(staging: Team) -> None:
    """It is read for what it leads to, and left out: staging answers staging before, during and after."""
    objects = [*application(staging.image(_COMMIT)), _ingress(_STAGING_HOST)]
    root = staging.checkout("pr-40", *objects)
    with ThreadPoolExecutor() as pool:
        answers = set()
        upping = pool.submit(staging.up, 40, root, _COMMIT)
        while not upping.done():
            answers.add(_served(staging, _STAGING_HOST))
    ended = upping.result()
    routes = json.loads(kubectl(staging.cluster, "get", "ingress", "-n", "rapidrar-pr-40", "-o", "json"))

    assert ended.code == 0, ended.err
    assert "Ingress/web" in ended.err
    assert "left out; the preview's route is written by kubepreview" in ended.err
    assert answers | {_served(staging, _STAGING_HOST) for _ in range(10)} == {_STABLE}
    assert _served(staging, "pr-40.rapidrar.localhost") == _COMMIT
    assert [
        (each["metadata"]["name"], [rule["host"] for rule in each["spec"]["rules"]])
        for each in routes["items"]
    ] == [(keys.GUARD, ["pr-40.rapidrar.localhost"])]
    assert staging.down(40).code == 0


@pytest.mark.parametrize(
    ("number", "smuggled", "words"),
    [
        (41, _ingress(_STAGING_HOST), ("Ingress/web: kind: ", "the route is written for you")),
        (42, namespace("rapidrar-mine"), ("Namespace/rapidrar-mine: kind: ", "a namespace of its own")),
    ],
)
def test_what_is_written_past_the_command_line_is_not_accepted(
    team: Team, number: int, smuggled: Object, words: tuple[str, ...]
) -> None:
    """The controller accepts no kind that it would have to apply in its own name; nothing is built."""
    service = application("unused")[1]
    _write(team, _preview(number, service, smuggled))
    said = eventually(lambda: _condition(team, number, conditions.ACCEPTED), "a verdict")

    assert (said["status"], said["reason"]) == ("False", "KindNotAllowed")
    assert [each for each in words if each not in said["message"]] == []
    assert not {f"rapidrar-pr-{number}", "rapidrar-mine"} & set(team.names("namespace"))
    assert team.down(number).code == 0


def test_the_apiserver_refuses_the_deployer_whatever_the_controller_thinks(team: Team) -> None:
    """As the identity that applies a preview's objects, no kind beyond the table and no other namespace."""
    _write(team, _preview(43, application("unused")[1]))
    eventually(lambda: _condition(team, 43, conditions.APPLIED).get("status") == "True", "it is applied")
    space = "rapidrar-pr-43"
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": []}
    tried: list[Object] = [
        namespace("rapidrar-mine"),
        {**role, "metadata": {"name": "rapidrar-mine"}},
        {**_ingress(_STAGING_HOST), "metadata": {"name": "web", "namespace": space}},
        {**application("unused")[1], "metadata": {"name": "web", "namespace": "default"}},
        {**application("unused")[1], "metadata": {"name": "web", "namespace": CONTROL_NAMESPACE}},
    ]
    for obj in tried:
        said = kubectl(
            team.cluster,
            *("create", "--filename=-", f"--as={keys.deployer_user(space)}"),
            stdin=json.dumps(obj),
            check=False,
        )
        assert "Forbidden" in said
        assert f'User "{keys.deployer_user(space)}" cannot create' in said
    assert team.down(43).code == 0


def test_a_namespace_in_the_manifests_is_left_out(team: Team) -> None:
    """What every tutorial has in its first file does no harm: it is named, and none of that name is made."""
    service = application("unused")[1]
    service["metadata"]["namespace"] = "shop"
    root = team.checkout("pr-44", namespace("shop"), service)

    ended = team.up(44, root, _COMMIT, "--no-wait")
    eventually(lambda: _condition(team, 44, conditions.APPLIED).get("status") == "True", "it is applied")

    assert ended.code == 0, ended.err
    assert "Namespace/shop" in ended.err
    assert "shop" not in team.names("namespace")
    assert "web" in team.names("service", "rapidrar-pr-44")
    assert team.down(44).code == 0


def test_objects_of_other_namespaces_are_refused_with_their_lines(team: Team) -> None:
    """Exit 2, file and line of each, and how to mend it; nothing is sent."""
    objects = application(team.image(_COMMIT))
    for obj, name in zip(objects, ("kube-system", "shop"), strict=True):
        obj["metadata"]["namespace"] = name

    ended = team.up(45, team.checkout("pr-45", *objects), _COMMIT)

    assert ended.code == 2
    for words in ("k8s/00.yaml:", "Deployment/web", "'kube-system'", "k8s/01.yaml:", "remove metadata.name"):
        assert words in ended.err
    assert "pr-45" not in team.names("preview", CONTROL_NAMESPACE)


def test_another_namespace_written_by_hand_is_not_accepted(team: Team) -> None:
    """The controller says object, field, rule and cure, and nothing is built."""
    service = application("unused")[1]
    service["metadata"] = {"name": "web", "namespace": "kube-system"}
    _write(team, _preview(46, service))
    said = eventually(lambda: _condition(team, 46, conditions.ACCEPTED), "a verdict")

    assert (said["status"], said["reason"]) == ("False", "ManifestNotAllowed")
    for words in ("Service/web: metadata.namespace: ", "'kube-system'", "leave the field out"):
        assert words in said["message"]
    assert "web" not in team.names("service", "kube-system")
    assert "rapidrar-pr-46" not in team.names("namespace")
    assert team.down(46).code == 0


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("kind: Service\nmetadata: {name: [}\n", "k8s/00.yaml:2", ""),
        ("apiVersion: v1\nkind: Service\nkind: Pod\n", "k8s/00.yaml:3", "kind"),
        ("just words\n", "k8s/00.yaml:1", ""),
    ],
)
def test_invalid_yaml_is_refused_with_its_line(team: Team, text: str, place: str, what: str) -> None:
    """Exit 2, the file and the line; nothing is sent."""
    ended = team.up(47, team.checkout("pr-47", text), _COMMIT)

    assert ended.code == 2
    assert place in ended.err
    assert what in ended.err
    assert "pr-47" not in team.names("preview", CONTROL_NAMESPACE)


def test_a_project_that_is_not_there_is_named_with_the_command_that_makes_it(team: Team) -> None:
    """`up` ends at once; a Preview written by hand waits, and is built as soon as the project is created."""
    service = application("unused")[1]
    root = team.checkout("pr-48", service, project="nobody")
    ended = team.up(48, root, _COMMIT)
    apply(team.cluster, namespace("nobody-previews"))
    _write(team, _preview(48, service, project="nobody"))
    said = eventually(lambda: _condition(team, 48, conditions.ACCEPTED, "nobody-previews"), "a verdict")

    created = team.type(
        *("project", "create", "nobody", "--repository=acme/nobody", "--baseline-host=nobody.localhost")
    )
    eventually(
        lambda: _condition(team, 48, conditions.APPLIED, "nobody-previews").get("status") == "True",
        "the preview is built when its project is there",
    )
    closed = team.type("down", "48", "--project=nobody")
    kubectl(team.cluster, "delete", "namespace", "nobody-previews")

    assert ended.code == 1
    assert "nobody" in ended.err
    assert "kubepreview project create" in ended.err
    assert (said["status"], said["reason"]) == ("False", "ProjectNotFound")
    assert "PreviewProject nobody-previews/nobody does not exist" in said["message"]
    assert "kubepreview project create" in said["message"]
    assert (created.code, closed.code) == (0, 0), created.err + closed.err
    assert "nobody-pr-48" not in team.names("namespace")


def test_more_objects_than_the_quota_counts_are_refused(team: Team) -> None:
    """Exit 3 with the object that was one too many, the quota's name, what it counts, and the cure."""
    tight = ("--repository=acme/tight", "--baseline-host=tight.localhost", "--quota-pods=1")
    assert team.type("project", "create", "tight", *tight).code == 0
    container = {"name": "main", "image": team.image(_COMMIT)}
    pods = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}
        for name in ("one", "two")
    ]
    root = team.checkout("pr-49", application("unused")[1], *pods, project="tight")

    ended = team.up(49, root, _COMMIT)
    there = team.names("pods", "tight-pr-49")
    closed = team.type("down", "49", "--project=tight")
    kubectl(team.cluster, "delete", "namespace", "tight-previews")

    assert ended.code == 3, ended.err
    for words in ("Pod/", "exceeded quota: kubepreview", "pods=1", "→ lower what it asks for", "raised"):
        assert words in ended.err
    assert len(there) == 1
    assert closed.code == 0, closed.err
    assert "tight-pr-49" not in team.names("namespace")


@pytest.fixture
def times() -> tuple[str, str]:
    """When two events happened, a minute apart."""
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the test's clock
    return (now - dt.timedelta(minutes=1)).isoformat(), now.isoformat()


def _up(team: Team, number: int, commit: str, observed_at: str, **container: Any) -> Ended:
    root = team.checkout(f"race-{number}-{commit[:7]}", *application(team.image(commit), **container))
    return team.up(number, root, commit, f"--observed-at={observed_at}")


def _arrived(team: Team, number: int, commit: str) -> Callable[[], bool]:
    def look() -> bool:
        path = "jsonpath={.spec.revision.sha}"
        where = (f"--namespace={CONTROL_NAMESPACE}", "--ignore-not-found")
        return kubectl(team.cluster, "get", "preview", f"pr-{number}", *where, "-o", path) == commit

    return look


def _both(team: Team, number: int, first: Callable[[], Ended], seen: str, second: Callable[[], Ended]) -> Any:
    """Start `second` once the cluster has heard of `first`, which still waits."""
    with ThreadPoolExecutor() as pool:
        waiting: Future[Ended] = pool.submit(first)
        eventually(_arrived(team, number, seen), f"{seen[:7]} is declared")
        return second(), waiting.result()


def test_of_two_ups_at_once_the_later_event_wins_arriving_last(team: Team, times: tuple[str, str]) -> None:
    """The earlier one, still waiting, is told that it was superseded: exit 3, by which commit."""
    # Not ready before the other one has come, however slow the machine is.
    slow = {"readinessProbe": {"httpGet": {"path": "/never", "port": "http"}}}
    later, earlier = _both(
        team,
        50,
        lambda: _up(team, 50, _COMMIT, times[0], **slow),
        _COMMIT,
        lambda: _up(team, 50, _LATER, times[1]),
    )

    assert later.code == 0, later.err
    assert earlier.code == 3, earlier.err
    assert f"was superseded by {_LATER}" in earlier.err
    assert {_served(team, "pr-50.rapidrar.localhost") for _ in range(10)} == {_LATER}
    assert team.down(50).code == 0


def test_of_two_ups_at_once_the_later_event_wins_arriving_first(team: Team, times: tuple[str, str]) -> None:
    """The earlier one is refused by the cluster: exit 3, and the fence says why; nothing of it is built."""
    earlier, later = _both(
        team,
        51,
        lambda: _up(team, 51, _LATER, times[1]),
        _LATER,
        lambda: _up(team, 51, _COMMIT, times[0]),
    )

    assert later.code == 0, later.err
    assert earlier.code == 3, earlier.err
    assert "fenced: revision.observedAt is older" in earlier.err
    assert {_served(team, "pr-51.rapidrar.localhost") for _ in range(10)} == {_LATER}
    assert team.preview(51)["spec"]["revision"]["sha"] == _LATER
    assert team.down(51).code == 0
