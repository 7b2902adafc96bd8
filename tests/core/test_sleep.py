"""When a preview sleeps, and the counts that it wakes to."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepreview.core import keys, kinds, plan, scales
from kubepreview.core.actions import ApplyObjects, Record, Rescale
from kubepreview.core.model import Activity, Preview, Scale, Sleep
from kubepreview.core.sleep import decide, tires_at
from kubepreview.core.wanted import Wanted
from kubepreview.core.wire import Object

from .examples import NOW, OLD_SHA, SHA, UID, asked, deployment, preview, project, service
from .world import World

_LATER = NOW + dt.timedelta(hours=1)
_WEB = kinds.ref_of(deployment())


def _of(
    wish: Object | None = None, *, asleep: bool, sha: str = SHA, heeded: str = "", **more: Any
) -> Preview:
    lifetime = {"lifetime": {"sleep": wish}} if wish else {}
    sleep = {"asleep": asleep, "since": "2026-01-02T03:04:05Z", "sha": sha, "wish": heeded, **more}
    return preview(status={"sleep": sleep}, **lifetime)


_TO_SLEEP = {"id": "generation-2", "asleep": True}
_TO_WAKE = {"id": "generation-3", "asleep": False}


@pytest.mark.parametrize(
    ("of", "on_push", "sleeps"),
    [
        (_of(asleep=False), "Wake", False),
        (_of(asleep=True), "Wake", True),
        (_of(_TO_SLEEP, asleep=False), "Wake", True),
        # A wish is heeded once: it does not undo what has happened since.
        (_of(_TO_SLEEP, asleep=False, heeded="generation-2"), "Wake", False),
        (_of(_TO_WAKE, asleep=True), "Wake", False),
        (_of(_TO_WAKE, asleep=True, heeded="generation-3"), "Wake", True),
        # A push, as the project says; and a wish that came with it holds.
        (_of(asleep=True, sha=OLD_SHA), "Wake", False),
        (_of(asleep=True, sha=OLD_SHA), "StayAsleep", True),
        (_of(_TO_SLEEP, asleep=True, sha=OLD_SHA), "Wake", True),
        (_of(asleep=False, sha=OLD_SHA), "StayAsleep", False),
        # One that has no record yet is awake.
        (preview(), "Wake", False),
    ],
)
def test_what_puts_it_to_sleep_and_what_wakes_it(of: Preview, on_push: str, *, sleeps: bool) -> None:
    """Each row: what was, what is asked for, and what the project says of a push."""
    decided = decide(of, project(onPush=on_push).spec, "", _LATER)

    assert decided.asleep is sleeps
    assert decided.sha == SHA
    before = of.status.sleep or Sleep(asleep=False, since=_LATER)
    assert decided.since == (before.since if before.asleep == sleeps else _LATER)


@pytest.mark.parametrize(("before", "now", "sleeps"), [("", "1", False), ("1", "1", True), ("1", "", True)])
def test_a_visitor_wakes_it_once(before: str, now: str, *, sleeps: bool) -> None:
    """What the gateway told of before is no news."""
    sleep = {"asleep": True, "since": "2026-01-02T03:04:05Z", "sha": SHA, "knock": before, "gated": True}

    decided = decide(preview(status={"sleep": sleep}), project(onPush="StayAsleep").spec, now, _LATER)

    assert decided.asleep is sleeps
    assert decided.gated
    assert decided.knock == (now or before)


@pytest.mark.parametrize(
    ("of", "knock", "tired", "sleeps"),
    [
        (_of(asleep=False), "", True, True),
        (_of(asleep=False), "", False, False),
        # Whoever comes, pushes or says so meanwhile holds.
        (_of(asleep=False), "1", True, False),
        (_of(asleep=False, sha=OLD_SHA), "", True, False),
        (_of(_TO_WAKE, asleep=False), "", True, False),
        (_of(asleep=True), "", True, True),
        # Somebody was still connected.
        (
            _of(asleep=True, held={"at": "2026-01-02T03:05:00Z", "connections": 1, "why": "one"}),
            "",
            True,
            False,
        ),
    ],
)
def test_one_that_nobody_visits_tires(of: Preview, knock: str, *, tired: bool, sleeps: bool) -> None:
    """And sleeps, unless somebody is there."""
    assert decide(of, project(onPush="Wake").spec, knock, _LATER, is_tired=tired).asleep is sleeps


@pytest.mark.parametrize(
    ("sleep_after", "at"),
    [("1h", NOW + dt.timedelta(hours=1)), ("90s", NOW + dt.timedelta(seconds=90)), ("Never", None)],
)
def test_when_it_tires(sleep_after: str, at: dt.datetime | None) -> None:
    """So long after the last that somebody did with it."""
    assert tires_at(project(sleepAfter=sleep_after).spec, Activity(at=NOW, kind="Visit")) == at


def _workload(kind: str, **spec: Any) -> Object:
    api_version = {"CronJob": "batch/v1", "Job": "batch/v1", "ReplicationController": "v1"}.get(
        kind, "apps/v1"
    )
    obj = {**deployment("work"), "kind": kind, "apiVersion": api_version}
    return {
        **obj,
        "spec": {**obj["spec"], **spec},
        "metadata": {"name": "work", "namespace": "n", "uid": "u"},
    }


@pytest.mark.parametrize(
    ("live", "counted", "zero"),
    [
        (_workload("Deployment", replicas=3), 3, {"replicas": 0}),
        (_workload("StatefulSet", replicas=0), 0, {"replicas": 0}),
        (_workload("ReplicationController", replicas=1), 1, {"replicas": 0}),
        (_workload("CronJob"), 1, {"suspend": True}),
        (_workload("CronJob", suspend=True), 0, {"suspend": True}),
        (_workload("Job"), 1, {"suspend": True}),
        (
            _workload("DaemonSet"),
            1,
            {"template": {"spec": {"nodeSelector": {keys.NO_NODE: "true"}}}},
        ),
    ],
)
def test_each_kind_is_counted_and_put_to_zero(live: Object, counted: int, zero: Object) -> None:
    """What is applied names the very object, and nothing of it but its count."""
    assert scales.count(live) == counted
    assert scales.only(live, 0) == {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {"name": "work", "namespace": "n", "uid": "u"},
        "spec": zero,
    }
    assert scales.count(scales.zeroed(live)) == 0


def test_a_job_that_has_ended_is_left_alone() -> None:
    """To stop it would begin it anew."""
    ended = {**_workload("Job"), "status": {"conditions": [{"type": "Complete", "status": "True"}]}}

    assert scales.running((ended, service())) == ()


@given(replicas=st.integers(1, 9), written=st.none() | st.integers(0, 9))
def test_what_was_there_comes_back_exactly(replicas: int, written: int | None) -> None:
    """Whatever the author wrote, and whoever has scaled it since: the count of before the sleep."""
    spec = {} if written is None else {"replicas": written}
    web = {**deployment(), "spec": {**deployment()["spec"], **spec}}
    of = preview(web, service())
    world = World()
    world.settle(asked(of))
    world.scale(_WEB, replicas)

    world.settle(asked(of, is_asleep=True))
    asleep = scales.count(world.seen.objects[_WEB])
    world.settle(asked(of))

    assert (asleep, scales.count(world.seen.objects[_WEB])) == (0, replicas)


def test_a_push_in_its_sleep_brings_no_pod() -> None:
    """The new revision is applied without pods; it wakes to what its author wrote, or to what there was."""
    before, after = preview(deployment(), service()), _pushed({"replicas": 4})
    world = World()
    world.settle(asked(before))
    world.scale(_WEB, 2)
    world.settle(asked(before, is_asleep=True))

    action = _first(asked(after, is_asleep=True), world)
    assert isinstance(action, ApplyObjects)
    assert [scales.count(obj) for obj in action.objects if obj["kind"] == "Deployment"] == [0]
    assert action.record.scales == (Scale(object=_WEB, replicas=4),)

    silent = _first(asked(_pushed({}), is_asleep=True), world)
    assert isinstance(silent, ApplyObjects)
    assert silent.record.scales == (Scale(object=_WEB, replicas=2),)


def _pushed(spec: Object) -> Preview:
    web = deployment(image="registry.example.com/web@sha256:" + "d" * 64)
    return preview({**web, "spec": {**web["spec"], **spec}}, service())


def _first(wanted: Wanted, world: World) -> object:
    return plan.plan_open(wanted, world.seen, world.record, UID)[0]


def test_the_counts_are_on_record_before_they_are_gone() -> None:
    """Nothing is put to zero whose count was not written down; what was written down earlier stays."""
    of = preview(deployment(), service())
    world = World()
    world.settle(asked(of))
    world.scale(_WEB, 3)
    earlier = Scale(object=kinds.ref_of(deployment("worker")), replicas=2)
    record = Record(inventory=world.record.inventory, scales=(earlier,))

    world.do(plan.plan_open(asked(of, is_asleep=True), world.seen, record, UID))
    (action,) = plan.plan_open(asked(of, is_asleep=True), world.seen, record, UID)

    assert isinstance(action, Rescale)
    assert action.record.scales == (earlier, Scale(object=_WEB, replicas=3))
