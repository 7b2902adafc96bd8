"""The plan: its order is an invariant, and doing it ends in nothing to do."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kubepreview.core import keys, kinds, plan
from kubepreview.core.actions import (
    ApplyGuardrails,
    ApplyNamespace,
    DeleteNamespace,
    EndPods,
    Record,
    Wait,
)
from kubepreview.core.model import ObjectRef
from kubepreview.core.observed import Observed

from .examples import UID, asked, config_map, deployment, preview, service
from .world import World, live_of

_names = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), unique=True)


@given(first=_names, second=_names)
def test_any_revision_after_any_other_settles_with_exactly_its_objects(
    first: list[str], second: list[str]
) -> None:
    """After the plans of two revisions are done, the second's objects are there, and no others."""
    world = World()
    for names in (first, second):
        wanted = asked(preview(deployment(), service(), *(config_map(name) for name in names)))
        world.settle(wanted)

    assert set(world.seen.objects) == set(wanted.refs)


@given(stop_after=st.integers(0, 12))
def test_a_crash_after_any_action_is_picked_up(stop_after: int) -> None:
    """Wherever a visit is cut off, later visits end in the same state."""
    wanted, world = asked(), World()
    batches = iter(lambda: plan.plan_open(wanted, world.seen, world.record, UID), ())
    for action in itertools.islice(itertools.chain.from_iterable(batches), stop_after):
        world.do((action,))

    world.settle(wanted)

    assert (set(world.seen.objects), world.seen.route is not None) == (set(wanted.refs), True)


def test_a_job_of_a_new_revision_takes_the_place_of_the_old() -> None:
    """A Job cannot be changed once it is there: the old one is ended, seen gone, and the new one made."""
    world = World()
    for image in ("a@sha256:1", "b@sha256:2"):
        world.log.clear()
        job = {**deployment("migrate", image), "apiVersion": "batch/v1", "kind": "Job"}
        world.settle(asked(preview(deployment(), service(), job)))
    ref = ObjectRef(api_version="batch/v1", kind="Job", name="migrate")
    leaving = {**world.seen.objects[ref], "metadata": {"name": "migrate", "deletionTimestamp": "now"}}
    seen = replace(world.seen, objects={**world.seen.objects, ref: leaving})
    actions = plan.plan_open(asked(preview(deployment(), service(), job)), seen, world.record, UID)

    assert world.log == ["Prune", "ApplyObjects"]
    assert actions == (Wait("Job/migrate of the earlier revision to end"),)


def test_the_order_is_namespace_guardrails_objects_route() -> None:
    """Nothing of the pull request is written before the guardrails, and the route comes last."""
    world = World()
    world.settle(asked())

    assert world.log == ["ApplyNamespace", "ApplyGuardrails", "ApplyObjects", "ApplyRoute"]


@pytest.mark.parametrize(
    ("broken", "waits_for"),
    [
        ({"deployer_answers": False}, "the deployer's Role to be in force"),
        ({"unenforced": "kubepreview-pods"}, "admission policy kubepreview-pods to be in force"),
        ({"quota": {}}, "ResourceQuota to be counted by the cluster"),
    ],
)
def test_nothing_is_applied_before_the_guardrails_are_in_force(
    broken: dict[str, Any], waits_for: str
) -> None:
    """A guard that was written but is not enforced yet is waited for."""
    wanted, world = asked(), World()
    world.do((ApplyNamespace(wanted.namespace), ApplyGuardrails(wanted.guardrails)))
    if "quota" not in broken:
        seen = replace(world.seen, **broken)
    else:
        for guard in world.seen.guardrails.values():
            guard.pop("status", None)
        seen = world.seen

    assert plan.plan_open(wanted, seen, Record(), UID) == (Wait(waits_for),)


@pytest.mark.parametrize("missing", [ref.kind for ref in map(kinds.ref_of, asked().guardrails)])
def test_a_missing_guardrail_comes_back_before_anything_else(missing: str) -> None:
    """Whichever guard was deleted, putting it back is all that the next batch does."""
    wanted, world = asked(), World()
    world.settle(wanted)
    left = {ref: obj for ref, obj in world.seen.guardrails.items() if ref.kind != missing}
    seen = replace(world.seen, guardrails=left, objects={})

    (action,) = plan.plan_open(wanted, seen, world.record, UID)

    assert isinstance(action, ApplyGuardrails)
    assert {obj["kind"] for obj in action.objects} == {missing}


def test_a_namespace_of_somebody_else_is_never_touched() -> None:
    """A namespace of the wanted name that was not made for this Preview is waited out, open or closed."""
    wanted = asked()
    foreign = live_of(wanted.namespace)
    foreign["metadata"]["annotations"][keys.PREVIEW_UID] = "of another"
    seen = Observed(namespace=foreign, route=live_of(wanted.route))

    (action,) = plan.plan_open(wanted, seen, Record(), UID)

    assert isinstance(action, Wait)
    assert plan.plan_closed(seen, UID) == ()


def test_closing_takes_the_route_then_the_pods_then_the_namespace() -> None:
    """Nobody is led to what is being ended, and the namespace goes when no pod is left."""
    wanted, world = asked(), World()
    world.settle(wanted)
    world.seen = replace(world.seen, pods=({"metadata": {"name": "web-1", "uid": "1"}},))
    world.log.clear()
    while actions := plan.plan_closed(world.seen, UID):
        world.do(tuple(action for action in actions if not isinstance(action, Wait)))

    assert world.log == ["DeleteRoute", "EndPods", "EndWorkloads", "DeleteNamespace"]


def test_a_pod_that_ends_already_keeps_no_longer_grace_than_ours() -> None:
    """A pod on its way out with a long grace is given the short one; with the short one it is left alone."""
    wanted, world = asked(), World()
    world.settle(wanted)
    patient = {"metadata": {"name": "a", "uid": "1", "deletionGracePeriodSeconds": 30}}
    short = {"metadata": {"name": "b", "uid": "2", "deletionGracePeriodSeconds": plan.POD_GRACE_S}}
    seen = replace(world.seen, route=None, objects={}, pods=(patient, short))

    actions = plan.plan_closed(seen, UID)

    assert actions == (EndPods((patient,)), Wait("the pods to be gone"))


@pytest.mark.parametrize(("asked_s", "given_s"), [(0, 1), (1, 1), (2, 2), (30, 2), (None, 2)])
def test_a_pod_gets_the_grace_that_it_asks_for_if_that_is_short(asked_s: int | None, given_s: int) -> None:
    """And never none: the apiserver would forget it while it may still run."""
    spec = {} if asked_s is None else {"terminationGracePeriodSeconds": asked_s}

    assert plan.grace_s({"spec": spec}) == given_s


def test_pods_that_are_made_anew_do_not_keep_the_namespace() -> None:
    """A Deployment that somebody put there by hand makes pods for ever; its namespace goes all the same."""
    wanted, world = asked(), World()
    world.settle(wanted)
    owner = {"kind": "ReplicaSet", "name": "debug", "uid": "9", "controller": True}
    pod = {"metadata": {"name": "debug-1", "uid": "1", "ownerReferences": [owner]}}
    ending = {"metadata": {**pod["metadata"], "deletionTimestamp": "now", "deletionGracePeriodSeconds": 2}}
    seen = replace(world.seen, route=None, objects={}, pods=(pod,))
    assert seen.namespace is not None

    assert plan.plan_closed(seen, UID) == (EndPods((pod,)), DeleteNamespace(seen.namespace))
    assert plan.plan_closed(replace(seen, pods=(ending,)), UID) == (Wait("the pods to be gone"),)
