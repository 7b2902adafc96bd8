"""What is taken for a change by somebody else, and what is not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from msgspec.structs import replace

from kubepreview.core import keys, plan
from kubepreview.core.drift import drift
from kubepreview.core.wire import Object

from .examples import UID, asked, config_map, deployment, preview, service
from .world import World

_IMAGE = "spec.template.spec.containers.[web].image"
_NAME_IS_WEB = 'k:{"name":"web"}'
_EDITED: Object = {
    "f:spec": {"f:template": {"f:spec": {"f:containers": {_NAME_IS_WEB: {".": {}, "f:image": {}}}}}}
}


def _live(obj: Object, fields: Object, manager: str = "kubectl-edit", **entry: Any) -> Object:
    owners = [{"manager": manager, "operation": "Update", "fieldsV1": fields, **entry}]
    live = copy.deepcopy(obj)
    live["metadata"]["managedFields"] = owners
    return live


def _with_image(live: Object, image: str) -> Object:
    live["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return live


def test_a_value_that_another_has_changed_is_named_with_its_owner() -> None:
    """The path as people write it, through lists by the key of their items."""
    live = _with_image(_live(deployment(), _EDITED), "registry.example.com/mine:1")

    assert drift(deployment(), live) == f"{_IMAGE} was changed by kubectl-edit"


@pytest.mark.parametrize(
    ("fields", "live_spec", "entry"),
    [
        # Written by another with the same value: owned by both, and as it should be.
        (_EDITED, {}, {}),
        # Counts are whoever's counts they are; those of an autoscaler come through a subresource besides.
        ({"f:spec": {"f:replicas": {}}}, {"replicas": 5}, {}),
        ({"f:spec": {"f:paused": {}}}, {"paused": True}, {}),
        ({"f:spec": {"f:replicas": {}}}, {"replicas": 5}, {"subresource": "scale"}),
        ({"f:status": {"f:replicas": {}}}, {}, {"subresource": "status"}),
        # Nothing of ours: a field that we do not write, and an item that we do not have.
        ({"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}}, {}, {}),
        ({"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"x"}': {}}}}}}, {}, {}),
        ({"f:metadata": {"f:finalizers": {'v:"somebody/waits"': {}}}}, {}, {}),
    ],
)
def test_what_others_add_or_count_is_no_drift(fields: Object, live_spec: Object, entry: Object) -> None:
    """Each row: what another owns, and what the object looks like by it."""
    written = {**deployment(), "spec": {**deployment()["spec"], "replicas": 1}}
    live = _live(written, fields, **entry)
    live["spec"] |= live_spec

    assert drift(written, live) == ""


def test_what_is_taken_away_is_missed() -> None:
    """A field that nobody owns any more has no owner to tell of it."""
    live = copy.deepcopy(config_map("settings", mode="preview"))
    del live["data"]["mode"]

    assert drift(config_map("settings", mode="preview"), live) == "data.mode was taken away"


def test_a_secret_keeps_its_text_under_another_name() -> None:
    """`stringData` is never read back."""
    written = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    live = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "Yg=="}}

    assert drift(written, live) == ""


def test_our_own_writes_are_no_drift() -> None:
    """The count of a preview that sleeps belongs to a manager of our own."""
    for manager in (keys.MANAGER, keys.SLEEP_MANAGER):
        live = _with_image(_live(deployment(), _EDITED, manager), "registry.example.com/mine:1")

        assert drift(deployment(), live) == ""


def _edited(world: World, **annotations: str) -> None:
    ref, live = next((ref, obj) for ref, obj in world.seen.objects.items() if ref.kind == "Deployment")
    changed = _with_image(_live(live, _EDITED), "registry.example.com/mine:1")
    changed["metadata"]["annotations"] |= annotations
    changed["spec"]["replicas"] = 4
    world.put(ref, changed)


def test_the_repair_puts_back_all_but_the_count() -> None:
    """As many pods as somebody has asked for since run what the pull request says."""
    world = World()
    world.settle(asked())
    assert plan.plan_repair(asked(), world.seen, UID) == ()
    _edited(world)

    found = plan.plan_repair(asked(), world.seen, UID)

    (only,) = found
    assert only.what == f"{_IMAGE} was changed by kubectl-edit"
    assert only.object["spec"]["replicas"] == 4
    assert (
        only.object["spec"]["template"]["spec"]["containers"][0]["image"]
        == deployment()["spec"]["template"]["spec"]["containers"][0]["image"]
    )


def test_what_somebody_tries_by_hand_is_left_until_the_next_push() -> None:
    """The annotation says so; a new revision is applied all the same."""
    world = World()
    world.settle(asked())
    _edited(world, **{keys.HANDS_OFF: "true"})

    assert plan.plan_repair(asked(), world.seen, UID) == ()
    pushed = asked(preview(deployment(image="registry.example.com/web@sha256:" + "d" * 64), service()))
    assert plan.plan_open(pushed, world.seen, world.record, UID)


def test_no_annotation_protects_a_change_of_a_guard() -> None:
    """The guards are the product's; they are put back before anything else."""
    world = World()
    world.settle(asked())
    _edited(world)
    ref, quota = next((ref, obj) for ref, obj in world.seen.guardrails.items() if ref.kind == "ResourceQuota")
    raised = _live(quota, {"f:spec": {"f:hard": {"f:pods": {}}}})
    raised["spec"]["hard"]["pods"] = "500"
    raised["metadata"]["annotations"][keys.HANDS_OFF] = "true"
    world.put_guard(ref, raised)

    found = plan.plan_repair(asked(), world.seen, UID)

    assert [each.object["kind"] for each in found] == ["ResourceQuota", "Deployment"]


def test_the_way_to_the_gateway_is_put_back_while_it_sleeps() -> None:
    """Or else nobody could wake it."""
    world = World()
    world.settle(asked())
    world.settle(asked(is_asleep=True))
    assert plan.plan_repair(asked(is_asleep=True), world.seen, UID) == ()
    astray = _live(world.seen.gate.ingress or {}, {"f:spec": {"f:rules": {}}})
    astray["spec"]["rules"][0]["host"] = "elsewhere.example.com"
    world.seen = replace(world.seen, gate=replace(world.seen.gate, ingress=astray))

    (only,) = plan.plan_repair(asked(is_asleep=True), world.seen, UID)

    assert only.what == "spec.rules was changed by kubectl-edit"
    assert only.object["spec"]["rules"][0]["host"] == asked().host


def test_a_namespace_that_is_not_ours_is_not_repaired() -> None:
    """Nor one that is going."""
    world = World()
    world.settle(asked())
    _edited(world)

    assert plan.plan_repair(asked(), world.seen, "somebody else's") == ()
