"""What stands in the way of an end, and what ends by itself.

- a namespace that hangs: told with object and finalizer, and closed as soon as they are gone
- Previews that were deleted: their namespaces are ended, but not many at once
- a namespace of somebody else's: never taken, never deleted
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from kubepreview.core import keys
from kubepreview.core.wire import Object
from tests.cluster.machine import apply, controller, eventually, kubectl, namespace
from tests.cluster.team import CONTROL_NAMESPACE, PROJECT, Team, application, sha

_COMMIT = sha("1")
_FINALIZER = "example.com/keep"
_HANGING, _FOREIGN, _LOOK_ALIKE, _BY_HAND = 150, 151, 152, 153
_ORPHANS = range(160, 164)


def _space(number: int) -> str:
    return f"{PROJECT}-pr-{number}"


def _config_map(name: str, *finalizers: str) -> Object:
    metadata = {"name": name, "finalizers": list(finalizers)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def _service() -> Object:
    """The smallest preview there is: a Service, and no pods behind it."""
    return application("unused")[1]


def _declare(team: Team, number: int, *objects: Object) -> None:
    ended = team.up(number, team.checkout(f"pr-{number}", _service(), *objects), _COMMIT, "--no-wait")
    assert ended.code == 0, ended.err


def _is_applied(team: Team, number: int) -> bool:
    found = team.preview(number)
    seen = [
        (each["type"], each["status"], each["observedGeneration"])
        for each in found.get("status", {}).get("conditions", ())
    ]
    return ("Applied", "True", found["metadata"]["generation"]) in seen


def test_a_namespace_that_hangs_is_told_and_closes_when_it_can(team: Team) -> None:
    """`down` exits 4 and names object and finalizer; so does the status; then it goes on by itself."""
    _declare(team, _HANGING, _config_map("brought"))
    eventually(lambda: _is_applied(team, _HANGING), "it is applied")
    # A pull request may not; somebody else's controller does, also to what a pull request brought.
    for name in ("brought", "put-there"):
        kept = _config_map(name, _FINALIZER)
        kept["metadata"]["namespace"] = _space(_HANGING)
        apply(team.cluster, kept)

    ended = team.down(_HANGING, "--timeout=30s")
    status = team.preview(_HANGING)["status"]
    hanging = "namespace" in kubectl(team.cluster, "get", "namespace", _space(_HANGING), "--output=name")
    for name in ("brought", "put-there"):
        patch = '{"metadata":{"finalizers":null}}'
        kubectl(
            team.cluster, "patch", "configmap", name, f"-n={_space(_HANGING)}", "--type=merge", "-p", patch
        )
    eventually(lambda: _space(_HANGING) not in team.names("namespace"), "the namespace goes")
    eventually(lambda: "namespaceGoneAt" in team.preview(_HANGING)["status"]["receipt"], "the receipt")
    after = team.preview(_HANGING)["status"]

    assert (ended.code, hanging) == (4, True), ended.err
    for words in ("ConfigMap/brought", "ConfigMap/put-there", _FINALIZER, _space(_HANGING)):
        assert words in ended.err
        assert words in " ".join(status["receipt"]["blockers"]) + status["receipt"]["namespace"]
    assert {each["reason"] for each in status["conditions"] if each["type"] == "Ready"} == {"Blocked"}
    assert {each["reason"] for each in after["conditions"] if each["type"] == "Ready"} == {"Closed"}
    assert after["receipt"].get("blockers", []) == []


def test_what_somebody_put_there_by_hand_does_not_keep_the_namespace(team: Team) -> None:
    """A Deployment that nobody declared makes new pods for as long as it may; `down` ends all the same."""
    _declare(team, _BY_HAND)
    eventually(lambda: _is_applied(team, _BY_HAND), "it is applied")
    debug = application(team.image(_COMMIT))[0]
    debug["metadata"]["namespace"] = _space(_BY_HAND)
    debug["spec"]["template"]["spec"]["priorityClassName"] = keys.PRIORITY_CLASS
    apply(team.cluster, debug)
    eventually(lambda: team.names("pods", _space(_BY_HAND)), "its pod is there")

    ended = team.down(_BY_HAND)

    assert ended.code == 0, ended.err
    assert _space(_BY_HAND) not in team.names("namespace")


def _held(team: Team) -> float:
    pod, _ = controller(team.cluster)
    path = f"/api/v1/namespaces/{keys.SYSTEM_NAMESPACE}/pods/{pod}:8080/proxy/metrics"
    said = kubectl(team.cluster, "get", "--raw", path, check=False)
    name = 'kubepreview_brake_held{brake="namespaces"} '
    values = [line.split()[1] for line in said.splitlines() if line.startswith(name)]
    return float(values[0]) if values else 0.0


def _log(team: Team) -> list[str]:
    pod, _ = controller(team.cluster)
    return kubectl(team.cluster, "logs", pod, f"--namespace={keys.SYSTEM_NAMESPACE}").splitlines()


@pytest.mark.timeout(300)
def test_many_namespaces_without_a_preview_are_held_until_somebody_lets_them_go(team: Team) -> None:
    """Four at once are more likely a mistake than a wish: metric, log and `kubepreview brake` say so."""
    # One of them runs pods, which do not keep it either.
    pods = {_ORPHANS[-1]: application(team.image(_COMMIT))[:1]}
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda number: _declare(team, number, *pods.get(number, ())), _ORPHANS))
    spaces = {_space(number) for number in _ORPHANS}
    eventually(lambda: all(_is_applied(team, number) for number in _ORPHANS), "all are applied")

    previews = [f"pr-{number}" for number in _ORPHANS]
    kubectl(team.cluster, "delete", "preview", *previews, f"--namespace={CONTROL_NAMESPACE}")
    eventually(lambda: _held(team) == len(_ORPHANS), "the brake holds")
    held = [json.loads(line) for line in _log(team) if "so many would be deleted at once" in line]
    shown = team.type("brake").out
    doctor = team.type("doctor", "--no-pods").out
    kept = spaces & set(team.names("namespace"))
    released = team.type("brake", "--release")
    eventually(lambda: not spaces & set(team.names("namespace")), "they are ended", timeout_s=120)
    eventually(lambda: _held(team) == 0, "the metric says that nothing is held")

    assert kept == spaces
    for number in _ORPHANS:
        told = f"{_space(number)}, of Preview {CONTROL_NAMESPACE}/pr-{number}"
        assert told in held[-1]["held"]
        assert told in shown.splitlines()
    assert "kubepreview brake --release" in held[-1]["cure"]
    assert "! brakes: they hold 4 namespaces and routes whose Preview is no more" in doctor
    assert released.code == 0, released.err
    assert "4 are let go" in released.err
    assert team.type("brake").out == ""


def test_a_foreign_namespace_is_neither_taken_nor_deleted(team: Team) -> None:
    """A namespace of the preview's name, even one that looks like it, is waited for, and left as it is."""
    bare = namespace(_space(_FOREIGN))
    labels = {keys.MANAGED: "true", keys.PROJECT: CONTROL_NAMESPACE, keys.PREVIEW: f"pr-{_LOOK_ALIKE}"}
    alike = namespace(_space(_LOOK_ALIKE), **labels)
    numbers = (_FOREIGN, _LOOK_ALIKE)
    kept = [
        {**_config_map("theirs"), "metadata": {"name": "theirs", "namespace": _space(n)}} for n in numbers
    ]
    apply(team.cluster, bare, alike, *kept)
    before = [_uid_and_labels(team, number) for number in numbers]

    def up(number: int) -> tuple[int, str]:
        root = team.checkout(f"pr-{number}", _service())
        ended = team.up(number, root, _COMMIT, "--timeout=10s")
        return ended.code, ended.err

    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(up, numbers))
    closed = team.down(_FOREIGN)

    for number, (code, said) in zip(numbers, ended, strict=True):
        assert code == 4, said
        assert f"namespace {_space(number)}, which is not this preview's" in said
        assert "theirs" in team.names("configmap", _space(number))
        assert "web" not in team.names("service", _space(number))
    assert closed.code == 0, closed.err
    assert [_uid_and_labels(team, number) for number in numbers] == before

    kubectl(team.cluster, "delete", "namespace", *(_space(number) for number in numbers))
    eventually(lambda: _is_applied(team, _LOOK_ALIKE), "the preview comes when its name is free")
    assert team.names("service", _space(_LOOK_ALIKE)) == ["web"]
    assert team.down(_LOOK_ALIKE).code == 0


def _uid_and_labels(team: Team, number: int) -> tuple[str, dict[str, str]]:
    metadata = json.loads(kubectl(team.cluster, "get", "namespace", _space(number), "-o", "json"))["metadata"]
    return metadata["uid"], metadata["labels"]
