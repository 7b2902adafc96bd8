"""Who falls asleep by itself looks for its visitors first, and stays awake for those who are connected."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from kubepreview.core import lookout, plan, scales
from kubepreview.core.actions import DeleteRoute, Rescale, SendLookouts, Wait
from kubepreview.core.model import Activity, Sleep
from kubepreview.core.sleep import decide, tires_at
from kubepreview.core.wanted import Wanted
from kubepreview.core.wire import Object

from .examples import NOW, SHA, UID, asked, preview, project
from .world import World

_IDLE_S = 90
_TIRED = Sleep(asleep=True, since=NOW, sha=SHA, tired=True)


def _at(seconds: float) -> Wanted:
    """What is wanted so long after it fell asleep by itself."""
    now = NOW + dt.timedelta(seconds=seconds)
    return replace(asked(is_asleep=True), lookout=lookout.lookout(_TIRED, project().spec, now))


def _led_to_the_gateway() -> World:
    """Its pods run, and no visitor is led to them any more."""
    world = World()
    world.settle(asked())
    world.run_pods()
    world.seen = replace(world.seen, gate=replace(world.seen.gate, image="gateway:1"))
    while not isinstance((actions := _next(world, 0))[-1], SendLookouts):
        world.do(actions)
    return world


def _next(world: World, seconds: float) -> tuple[Any, ...]:
    return plan.plan_open(_at(seconds), world.seen, world.record, UID)


def _sent(world: World) -> World:
    """Each pod has its lookout."""
    world.do(_next(world, 0))
    return world


def _told(world: World, *states: Object) -> World:
    """The kubelet tells how the lookout of each pod is."""
    pods = []
    for pod, state in zip(world.seen.pods, states, strict=True):
        (one,) = pod["spec"]["ephemeralContainers"]
        statuses = [{"name": one["name"], "state": state}]
        pods.append({**pod, "status": {**pod["status"], "ephemeralContainerStatuses": statuses}})
    world.seen = replace(world.seen, pods=tuple(pods))
    return world


def _ended(code: int, message: str = "") -> Object:
    return {"terminated": {"exitCode": code, "message": message}}


def test_it_looks_when_new_visitors_are_led_elsewhere_and_before_pods_go() -> None:
    """One lookout beside each pod, which knows the addresses of the preview itself."""
    world = _led_to_the_gateway()

    (sending,) = _next(world, 0)

    assert world.log[-2:] == ["ApplyGate", "DeleteRoute"]
    assert [pod["metadata"]["name"] for pod, _ in sending.pods] == ["web-0"]
    ((_, (container,)),) = sending.pods
    assert container["image"] == "gateway:1"
    assert container["args"] == [str(_IDLE_S + 10), "10.0.0.7"]
    assert container["securityContext"]["runAsNonRoot"] is True


def test_whoever_is_told_to_sleep_is_not_held() -> None:
    """Somebody wants it, whoever is connected."""
    told = replace(_TIRED, tired=False)

    assert lookout.lookout(told, project().spec, NOW) is None
    assert lookout.lookout(replace(_TIRED, asleep=False), project().spec, NOW) is None
    assert lookout.sighting(asked(is_asleep=True), _led_to_the_gateway().seen) == lookout.Sighting()


@pytest.mark.parametrize("state", [{}, {"running": {}}, {"waiting": {"reason": "ContainerCreating"}}])
def test_it_waits_while_somebody_looks(state: Object) -> None:
    """No pod goes, and the gateway is not asked for nothing."""
    world = _told(_sent(_led_to_the_gateway()), state)

    assert _next(world, 30) == (Wait("visitors who are still connected"),)
    assert lookout.held(_at(30), world.seen) is None


def test_nobody_is_connected_and_the_pods_go() -> None:
    """After the gateway has been seen once more."""
    world = _told(_sent(_led_to_the_gateway()), _ended(lookout.NOBODY))

    (rescaling,) = _next(world, 2)

    assert isinstance(rescaling, Rescale)
    assert lookout.held(_at(2), world.seen) is None


def _is_unseen(why: str) -> str:
    return lookout.unseen(f"{lookout.PREFIX}{int(NOW.timestamp())} {why}")


@pytest.mark.parametrize(
    ("state", "seconds", "connections", "why"),
    [
        (_ended(lookout.SOMEBODY, "2"), 100, 2, "visitors' connections were open, 2 of them"),
        (_ended(137, "gone"), 100, 0, _is_unseen("ended with exit code 137: gone")),
        (_ended(lookout.SOMEBODY, "²"), 100, 0, _is_unseen("ended with exit code 1: ²")),
        ({}, 200, 0, _is_unseen("did not start: nothing is said of it")),
        (
            {"waiting": {"reason": "ErrImagePull", "message": "no such image"}},
            200,
            0,
            _is_unseen("did not start: ErrImagePull no such image"),
        ),
    ],
)
def test_what_keeps_it_awake(state: Object, seconds: float, connections: int, why: str) -> None:
    """Visitors who are connected, and also that nobody could look; each is told."""
    world = _told(_sent(_led_to_the_gateway()), state)

    (waiting,) = _next(world, seconds)
    held = lookout.held(_at(seconds), world.seen)

    assert isinstance(waiting, Wait)
    assert held is not None
    assert (held.connections, held.why) == (connections, why)


def test_held_awake_it_gets_its_host_back_and_tires_again_later() -> None:
    """Not a pod ends on the way, and what was seen then is not what the next lookout has seen."""
    world = _told(_sent(_led_to_the_gateway()), _ended(lookout.SOMEBODY, "1"))
    held = lookout.held(_at(100), world.seen)
    assert held is not None
    later = held.at + dt.timedelta(seconds=1)
    sleeping = preview(status={"sleep": _as_json(replace(_TIRED, held=held))})

    awake = decide(sleeping, project().spec, "", later, is_tired=True)
    world.log.clear()
    world.settle(asked())
    again = decide(
        preview(status={"sleep": _as_json(awake)}),
        project().spec,
        "",
        later + dt.timedelta(hours=1),
        is_tired=True,
    )

    assert not awake.asleep
    assert "Rescale" not in world.log
    assert world.seen.route is not None
    assert tires_at(project().spec, Activity(at=NOW, kind="Visit"), held) == held.at + dt.timedelta(hours=1)
    assert (again.asleep, again.tired, again.held) == (True, True, None)
    anew = replace(_at(0), lookout=lookout.lookout(again, project().spec, again.since))
    assert lookout.sighting(anew, world.seen).unwatched == world.seen.pods


def _as_json(sleep: Sleep) -> Object:
    built: Object = msgspec.to_builtins(sleep)
    return built


def test_whoever_asks_for_sleep_meanwhile_is_heard() -> None:
    """A wish ends the looking."""
    wish = {"lifetime": {"sleep": {"id": "generation-2", "asleep": True}}}

    decided = decide(preview(status={"sleep": _as_json(_TIRED)}, **wish), project().spec, "", NOW)

    assert decided.asleep
    assert not decided.tired


def test_one_that_answers_nobody_has_no_visitors() -> None:
    """A pod that is not ready is not looked at, and goes."""
    world = _led_to_the_gateway()
    pods = tuple(
        {**pod, "status": {**pod["status"], "conditions": [{"type": "Ready", "status": "False"}]}}
        for pod in world.seen.pods
    )
    world.seen = replace(world.seen, pods=pods)

    (rescaling,) = _next(world, 0)

    assert isinstance(rescaling, Rescale)


def test_the_route_goes_before_anybody_looks() -> None:
    """Or else a visitor could come after the look."""
    world = World()
    world.settle(asked())
    world.run_pods()

    actions = _next(world, 0)

    assert isinstance(actions[-1], DeleteRoute)
    assert scales.running(world.seen.objects.values())
