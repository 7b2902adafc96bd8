"""Which workloads run what was applied, and which never will."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from msgspec.structs import replace

from kubepreview.core import kinds
from kubepreview.core.health import health
from kubepreview.core.observed import Observed
from kubepreview.core.pods import RESTARTS_TO_FAIL, RESTARTS_TO_FAIL_REGARDLESS
from kubepreview.core.wire import Object

from .examples import asked, deployment, preview, service

_REVISION = "deployment.kubernetes.io/revision"
_SETTLED = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
_ROLLING = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 2}
_STARTING = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}


def _live(wanted: Object, status: Object) -> Object:
    live = copy.deepcopy(wanted)
    live["metadata"] |= {"uid": "d", "generation": 2, "annotations": {_REVISION: "2"}}
    return {**live, "status": status}


def _replica_set(uid: str, revision: str) -> Object:
    owner = [{"uid": "d"}]
    return {"metadata": {"uid": uid, "ownerReferences": owner, "annotations": {_REVISION: revision}}}


def _pod(owner: str, **container: Any) -> Object:
    return {
        "metadata": {"name": f"web-{owner}", "uid": f"pod-{owner}", "ownerReferences": [{"uid": owner}]},
        "status": {"containerStatuses": [{"name": "web", "image": "web:1", **container}]},
    }


def _waiting(reason: str, message: str = "") -> Object:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


_CRASHED = {
    **_waiting("CrashLoopBackOff"),
    "ready": False,
    "restartCount": RESTARTS_TO_FAIL,
    "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
}


def _seen(status: Object, *pods: Object) -> Observed:
    wanted = deployment()
    live = _live(wanted, status)
    return Observed(
        objects={kinds.ref_of(live): live},
        replica_sets=(_replica_set("old", "1"), _replica_set("new", "2")),
        pods=pods,
    )


def test_a_rolled_out_deployment_is_settled() -> None:
    """Every wanted pod is available and of this revision."""
    judged = health(asked(), _seen(_SETTLED))

    assert (judged.is_settled, judged.ready, judged.wanted, judged.trouble) == (True, 1, 1, None)


@pytest.mark.parametrize(
    ("status", "waits_for"),
    [
        ({**_SETTLED, "observedGeneration": 1}, "Deployment/web to be seen by its controller"),
        (_ROLLING, "Deployment/web: 1 pod of the earlier revision to end"),
        (_STARTING, "Deployment/web: 0 of 1 pods available"),
    ],
)
def test_what_is_waited_for_is_named(status: Object, waits_for: str) -> None:
    """A rollout that is not over says what it still needs."""
    assert health(asked(), _seen(status)).waiting_for == waits_for


def test_a_readiness_probe_that_has_not_passed_is_waited_for_by_name() -> None:
    """A container that runs and is not ready is named with its pod; one without a probe is not."""
    running = _pod("new", state={"running": {}}, ready=False)
    probed = {**running, "spec": {"containers": [{"name": "web", "readinessProbe": {"httpGet": {}}}]}}

    assert health(asked(), _seen(_STARTING, probed)).waiting_for == (
        "Deployment/web: 0 of 1 pods available; "
        "Pod/web-new container web runs, and its readinessProbe has not passed"
    )
    assert health(asked(), _seen(_STARTING, running)).waiting_for == "Deployment/web: 0 of 1 pods available"


def test_a_first_crash_is_told_while_it_is_waited_for() -> None:
    """Before it counts as failing, the container that ended is named with its exit code."""
    once = {**_CRASHED, "restartCount": 1}

    assert health(asked(), _seen(_STARTING, _pod("new", **once))).waiting_for == (
        "Deployment/web: 0 of 1 pods available; "
        "Pod/web-new container web ended with exit code 3, and is tried again"
    )


def test_a_pod_of_the_earlier_revision_does_not_count_as_available() -> None:
    """The old pod runs on while the new one does not: none of this revision is available."""
    status = {**_ROLLING, "availableReplicas": 1}
    judged = health(asked(), _seen(status))

    assert (judged.ready, judged.waiting_for) == (0, "Deployment/web: 0 of 1 pods available")


@pytest.mark.parametrize(
    ("container", "reason", "says"),
    [
        (_CRASHED, "CrashLoopBackOff", "exit code 3"),
        ({**_waiting("ImagePullBackOff", "no"), "image": "a/b@sha256:1"}, "ImagePullBackOff", "a/b@sha256:1"),
        (_waiting("ErrImagePull", "manifest unknown: not found"), "ErrImagePull", "not found"),
        (_waiting("CreateContainerConfigError", 'secret "x" not found'), "CreateContainerConfigError", "x"),
    ],
)
def test_a_hopeless_container_is_trouble(container: Object, reason: str, says: str) -> None:
    """The pod, the reason and the message are those of the container that will not start."""
    trouble = health(asked(), _seen(_STARTING, _pod("new", **container))).trouble

    assert trouble is not None
    assert (trouble.reason, says in trouble.message) == (reason, True)


@pytest.mark.parametrize(
    "container",
    [
        _waiting("ContainerCreating"),
        _waiting("ErrImagePull", "connection reset by peer"),
        {**_CRASHED, "restartCount": RESTARTS_TO_FAIL - 1},
        {**_CRASHED, "lastState": {"terminated": {"exitCode": 0}}},
    ],
)
def test_a_container_that_may_still_start_is_no_trouble(container: Object) -> None:
    """A slow start, a registry's hiccup and the first crashes are waited out."""
    assert health(asked(), _seen(_STARTING, _pod("new", **container))).trouble is None


def test_a_crashing_pod_of_the_earlier_revision_is_not_this_ones_trouble() -> None:
    """A commit that mends a crash is not blamed for it while the old pod still crashes."""
    assert health(asked(), _seen(_STARTING, _pod("old", **_CRASHED))).trouble is None


def test_pods_that_admission_refuses_are_trouble_at_once() -> None:
    """Quota and Pod Security speak through the Deployment's ReplicaFailure condition; the cure is added."""
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: kubepreview"}
    trouble = health(asked(), _seen({"observedGeneration": 2, "conditions": [refused]})).trouble

    assert trouble is not None
    assert trouble.reason == "PodsRefused"
    assert trouble.message.startswith("exceeded quota: kubepreview → lower what it asks for")


def _other(kind: str, api_version: str, status: Object, **spec: Any) -> tuple[Object, Object]:
    wanted = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "other"},
        "spec": {**spec, "template": {"spec": {"containers": []}}},
    }
    return wanted, _live(wanted, status)


@pytest.mark.parametrize(
    ("restarts", "database", "reason"),
    [
        (RESTARTS_TO_FAIL, {"observedGeneration": 2, "readyReplicas": 0}, ""),
        (
            RESTARTS_TO_FAIL,
            {"observedGeneration": 2, "readyReplicas": 1, "updatedReplicas": 1},
            "CrashLoopBackOff",
        ),
        (RESTARTS_TO_FAIL_REGARDLESS, {"observedGeneration": 2, "readyReplicas": 0}, "CrashLoopBackOff"),
    ],
)
def test_a_crash_is_excused_while_its_database_is_on_its_way(
    restarts: int, database: Object, reason: str
) -> None:
    """Many applications wait for their database by crashing, and it passes; not for ever."""
    wanted, live = _other("StatefulSet", "apps/v1", database)
    seen = _seen(_STARTING, _pod("new", **{**_CRASHED, "restartCount": restarts}))
    seen = replace(seen, objects={**seen.objects, kinds.ref_of(live): live})

    trouble = health(asked(preview(wanted, deployment(), service())), seen).trouble

    assert (trouble.reason if trouble else "") == reason


_SET = {"observedGeneration": 2}


@pytest.mark.parametrize(
    ("pair", "is_settled"),
    [
        (
            _other("StatefulSet", "apps/v1", {**_SET, "readyReplicas": 2, "updatedReplicas": 2}, replicas=2),
            True,
        ),
        (
            _other("StatefulSet", "apps/v1", {**_SET, "readyReplicas": 2, "updatedReplicas": 1}, replicas=2),
            False,
        ),
        (_other("Job", "batch/v1", {"succeeded": 1}), True),
        (_other("Job", "batch/v1", {"active": 1}), False),
        (_other("CronJob", "batch/v1", {}), True),
        (_other("Pod", "v1", {"conditions": [{"type": "Ready", "status": "True"}]}), True),
        (_other("Pod", "v1", {"phase": "Pending"}), False),
        (_other("ReplicaSet", "apps/v1", {**_SET, "readyReplicas": 0}, replicas=1), False),
    ],
)
def test_every_kind_of_workload_is_judged_by_its_own_status(
    pair: tuple[Object, Object],
    *,
    is_settled: bool,
) -> None:
    """Each kind says in its own fields whether it runs; a CronJob has nothing to run yet."""
    wanted, live = pair
    settled = _live(deployment(), _SETTLED)
    seen = Observed(objects={kinds.ref_of(each): each for each in (live, settled)})

    assert health(asked(preview(wanted, deployment(), service())), seen).is_settled is is_settled


def test_pods_that_admission_refuses_are_trouble_of_a_bare_replica_set_too() -> None:
    """Its controller tells of it in the same condition as a Deployment's."""
    refused = {"type": "ReplicaFailure", "status": "True", "message": 'violates PodSecurity "baseline"'}
    wanted, live = _other("ReplicaSet", "apps/v1", {**_SET, "conditions": [refused]})
    seen = Observed(objects={kinds.ref_of(live): live})

    trouble = health(asked(preview(wanted, service())), seen).trouble

    assert trouble is not None
    assert (trouble.object, trouble.reason) == ("ReplicaSet/other", "PodsRefused")


def test_a_failed_job_is_trouble() -> None:
    """A migration that gave up fails the revision with the Job's own reason."""
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "it failed"}
    wanted, live = _other("Job", "batch/v1", {"conditions": [failed]})
    seen = Observed(objects={kinds.ref_of(live): live})

    trouble = health(asked(preview(wanted, service())), seen).trouble

    assert trouble is not None
    assert (trouble.object, trouble.reason) == ("Job/other", "BackoffLimitExceeded")
