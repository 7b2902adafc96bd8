"""How a host changes hands between a preview and the gateway, at every step of the way."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from kubepreview.core import kinds, plan
from kubepreview.core.actions import DeleteGate, Wait
from kubepreview.core.endpoints import ready_endpoints
from kubepreview.core.gateway import Sleeper, sleeper_of
from kubepreview.core.model import Entry
from kubepreview.core.observed import Gate, Observed
from kubepreview.core.wire import Object

from .examples import UID, asked, deployment, service
from .world import World

_WEB = kinds.ref_of(deployment())
_SERVICE = kinds.ref_of(service())


def _settled() -> World:
    world = World()
    world.settle(asked())
    world.log.clear()
    return world


def _asleep() -> World:
    world = _settled()
    world.settle(asked(is_asleep=True))
    world.log.clear()
    return world


def _told(gate: Gate) -> Sleeper:
    assert gate.ingress is not None
    told = sleeper_of(gate.ingress["metadata"]["annotations"])
    assert told is not None
    return told


def test_the_gateway_answers_before_anything_ends() -> None:
    """It is told, the route goes, and only then the pods."""
    world = _settled()

    world.settle(asked(is_asleep=True))

    assert world.log == ["ApplyGate", "DeleteRoute", "Rescale"]
    assert _told(world.seen.gate).state == "Asleep"


@pytest.mark.parametrize(
    ("gate", "log"),
    [(Gate(), []), (Gate(is_running=True), ["ApplyGate", "DeleteRoute"])],
    ids=["no gateway runs", "it does not answer yet"],
)
def test_nothing_ends_while_nobody_would_answer(gate: Gate, log: list[str]) -> None:
    """Without a gateway even the route stays; until it is seen to answer, the pods do."""
    world = _settled()
    world.seen = replace(world.seen, gate=gate)

    while not isinstance((actions := _next(world))[0], Wait):
        world.do(actions)

    assert world.log == log
    assert (world.seen.route is None) is bool(log)


def _next(world: World) -> tuple[Any, ...]:
    return plan.plan_open(asked(is_asleep=True), world.seen, world.record, UID)


def test_a_preview_that_was_never_awake_is_the_gateways_from_the_start() -> None:
    """It gets no route of its own."""
    world = World()
    world.settle(asked(is_asleep=True))

    assert "ApplyRoute" not in world.log
    assert world.log[-2:] == ["ApplyGate", "ApplyObjects"]


def _pod(ready: str = "True", **metadata: Any) -> Object:
    template = deployment()["spec"]["template"]
    return {
        "metadata": {"name": "web-1", "labels": template["metadata"]["labels"], **metadata},
        "spec": template["spec"],
        "status": {"podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": ready}]},
    }


def _named_port() -> Object:
    spec = {"containers": [{"name": "web", "ports": [{"name": "app", "containerPort": 9000}]}]}
    return {**_pod(), "spec": spec}


def _available(world: World) -> None:
    """The cluster starts what was asked for."""
    live = world.seen.objects[_WEB]
    many = live["spec"]["replicas"]
    counted = {"replicas": many, "updatedReplicas": many, "availableReplicas": many, "readyReplicas": many}
    status = {"observedGeneration": live["metadata"].get("generation", 0), **counted}
    world.put(_WEB, {**live, "status": status})
    world.seen = replace(world.seen, pods=(_pod(),))


def test_what_was_held_is_passed_on_before_the_route_is_back() -> None:
    """Counts, then the gateway is told where the pods are, then the route, and the gateway goes last."""
    world = _asleep()

    world.do(plan.plan_open(asked(), world.seen, world.record, UID))
    waking = _told(world.seen.gate)
    assert world.log == ["Rescale", "ApplyGate"]
    assert plan.plan_open(asked(), world.seen, world.record, UID) == ()
    world.log.clear()
    _available(world)
    world.do(plan.plan_open(asked(), world.seen, world.record, UID))
    awake = _told(world.seen.gate)
    world.settle(asked())

    assert (waking.state, waking.endpoints) == ("Waking", ())
    assert (awake.state, awake.endpoints) == ("Awake", ("10.0.0.7:8080",))
    assert world.log == ["ApplyGate", "ApplyRoute", "DeleteGate"]
    assert world.seen.gate.objects == ()


def test_one_that_cannot_wake_keeps_the_gateway_and_says_why() -> None:
    """Whoever waits is told, instead of being led to nobody."""
    world = _asleep()
    world.do(plan.plan_open(asked(), world.seen, world.record, UID))
    revision = {"deployment.kubernetes.io/revision": "1"}
    live = world.seen.objects[_WEB]
    annotated = {**live["metadata"], "annotations": {**live["metadata"]["annotations"], **revision}}
    world.put(_WEB, {**live, "metadata": annotated})
    owner = {"uid": live["metadata"]["uid"]}
    replica_set = {"metadata": {"uid": "r", "ownerReferences": [owner], "annotations": revision}}
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image: not found"}}
    pod = {
        "metadata": {"name": "web-1", "uid": "p", "ownerReferences": [{"uid": "r"}]},
        "status": {"containerStatuses": [{"name": "web", "image": "web:1", "state": waiting}]},
    }
    world.seen = replace(world.seen, pods=(pod,), replica_sets=(replica_set,))

    world.do(plan.plan_open(asked(), world.seen, world.record, UID))

    told = _told(world.seen.gate)
    assert told.state == "Failed"
    assert "no such image" in told.message


def test_closing_takes_the_gateway_away_first() -> None:
    """Also where the namespace is gone already."""
    world = _asleep()

    for seen in (world.seen, Observed(gate=world.seen.gate)):
        (action,) = plan.plan_closed(seen, UID)
        assert isinstance(action, DeleteGate)
        assert [obj["kind"] for obj in action.objects] == ["Ingress", "Lease"]


@pytest.mark.parametrize(
    ("pods", "port", "expected"),
    [
        ((_named_port(),), "http", ("10.0.0.7:9000",)),
        ((_pod(),), 80, ("10.0.0.7:8080",)),
        ((_pod(),), 81, ()),
        ((_pod("False"),), 80, ()),
        ((_pod(deletionTimestamp="now"),), 80, ()),
        (({**_pod(), "metadata": {"name": "x", "labels": {}}},), 80, ()),
        (({**_pod(), "status": {**_pod()["status"], "podIP": "fd00::1"}},), 80, ("[fd00::1]:8080",)),
    ],
)
def test_where_pods_answer(pods: tuple[Object, ...], port: int | str, expected: tuple[str, ...]) -> None:
    """Those that are ready behind the entry's port, whether it leads to a number or to a name."""
    entry = Entry(service="web", port=port)
    ports = [{"port": 80, "targetPort": 8080}, {"name": "http", "port": 90, "targetPort": "app"}]
    web = {**service(), "spec": {**service()["spec"], "ports": ports}}

    assert ready_endpoints(entry, Observed(objects={_SERVICE: web}, pods=pods)) == expected
