"""Do the workloads run what was applied? Judged from the live objects, for the current revision only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from kubepreview.core import masking
from kubepreview.core.kinds import as_mapping, has_condition, pod_template, ref_of
from kubepreview.core.observed import Observed
from kubepreview.core.pods import Trouble, current_pods, not_ready_yet, trouble_of
from kubepreview.core.refusals import with_cure
from kubepreview.core.wanted import Wanted
from kubepreview.core.wire import Object

# The kinds whose controller says which generation its status speaks of.
_HAVE_GENERATION: Final = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"}
)


class Health(Struct, frozen=True, kw_only=True):
    """The workloads of a preview in one value.

    `is_settled`: every pod that should run does, is ready, and is of the current revision.
    `waiting_for`: the first thing that is not so, in words.
    """

    ready: int
    wanted: int
    is_settled: bool
    waiting_for: str = ""
    trouble: Trouble | None = None


class _Judged(Struct, frozen=True, kw_only=True):
    wanted: int
    ready: int
    waiting_for: str = ""
    trouble: Trouble | None = None


def health(wanted: Wanted, observed: Observed) -> Health:
    """Judge every workload of the revision."""
    workloads = [obj for obj in wanted.objects if pod_template(obj) is not None and obj["kind"] != "CronJob"]
    judged = [_judge(obj, observed) for obj in workloads]
    waiting_for = next((each.waiting_for for each in judged if each.waiting_for), "")
    return Health(
        ready=sum(each.ready for each in judged),
        wanted=sum(each.wanted for each in judged),
        is_settled=not waiting_for,
        waiting_for=waiting_for,
        trouble=_without_secrets(_trouble(judged), wanted.objects),
    )


def _without_secrets(trouble: Trouble | None, objects: Collection[Object]) -> Trouble | None:
    """A runtime may repeat what it was told to run."""
    if trouble is None:
        return None
    values = masking.secret_values(objects)
    return replace(trouble, message=masking.masked_text(trouble.message, values))


def _trouble(judged: Collection[_Judged]) -> Trouble | None:
    """The first that waiting does not mend; a crash may pass while another workload is on its way."""
    told = [each.trouble for each in judged if each.trouble]
    some_are_on_their_way = any(each.waiting_for and not each.trouble for each in judged)
    return next((each for each in told if not (each.may_pass and some_are_on_their_way)), None)


def _judge(wanted: Object, observed: Observed) -> _Judged:
    live = observed.objects.get(ref_of(wanted))
    name = f"{wanted['kind']}/{wanted['metadata']['name']}"
    if live is None:
        return _Judged(wanted=1, ready=0, waiting_for=f"{name} to exist")
    status = as_mapping(live.get("status"))
    seen, generation = status.get("observedGeneration", 0), live["metadata"].get("generation", 0)
    if wanted["kind"] in _HAVE_GENERATION and seen < generation:
        return _Judged(wanted=1, ready=0, waiting_for=f"{name} to be seen by its controller")
    judged = _JUDGES.get(live["kind"], _judge_replicas)(live, status)
    if not judged.waiting_for:
        return judged
    pods = current_pods(live, observed)
    waiting_for = f"{name}: {judged.waiting_for}{not_ready_yet(pods)}"
    trouble = judged.trouble or trouble_of(pods)
    return _Judged(wanted=judged.wanted, ready=judged.ready, waiting_for=waiting_for, trouble=trouble)


def _judge_deployment(live: Object, status: Mapping[str, Any]) -> _Judged:
    wanted = live["spec"].get("replicas", 1)
    updated = status.get("updatedReplicas", 0)
    available = status.get("availableReplicas", 0)
    old = status.get("replicas", 0) - updated
    # The count of the available does not tell old from new, and the old ones are ended last.
    ready = max(min(updated, available - old), 0)
    waiting_for = ""
    if ready < wanted:
        waiting_for = f"{ready} of {wanted} pods available"
    elif old > 0:
        waiting_for = f"{old} {'pod' if old == 1 else 'pods'} of the earlier revision to end"
    return _Judged(
        wanted=wanted,
        ready=ready,
        waiting_for=waiting_for,
        trouble=_trouble_told(live, status),
    )


def _trouble_told(live: Object, status: Mapping[str, Any]) -> Trouble | None:
    """What the workload's own controller says: its pods are refused, or it has given up."""
    name = f"{live['kind']}/{live['metadata']['name']}"
    for condition in status.get("conditions") or ():
        kind, truth = condition["type"], condition["status"]
        if kind == "ReplicaFailure" and truth == "True":
            return Trouble(object=name, reason="PodsRefused", message=with_cure(condition.get("message", "")))
        if kind == "Progressing" and truth == "False":
            return Trouble(
                object=name, reason=condition.get("reason", "Stuck"), message=condition.get("message", "")
            )
    return None


def _judge_stateful_set(live: Object, status: Mapping[str, Any]) -> _Judged:
    wanted = live["spec"].get("replicas", 1)
    ready = min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))
    current = status.get("updateRevision") == status.get("currentRevision") or ready >= wanted
    waiting_for = "" if ready >= wanted and current else f"{ready} of {wanted} pods ready"
    return _Judged(wanted=wanted, ready=ready, waiting_for=waiting_for)


def _judge_daemon_set(live: Object, status: Mapping[str, Any]) -> _Judged:
    del live  # a DaemonSet's wish depends on the nodes, so its status holds both numbers
    wanted = status.get("desiredNumberScheduled", 0)
    ready = min(status.get("numberAvailable", 0), status.get("updatedNumberScheduled", 0))
    return _Judged(
        wanted=wanted,
        ready=ready,
        waiting_for="" if ready >= wanted else f"{ready} of {wanted} pods available",
    )


def _judge_replicas(live: Object, status: Mapping[str, Any]) -> _Judged:
    wanted = live["spec"].get("replicas", 1)
    ready = status.get("readyReplicas", 0)
    return _Judged(
        wanted=wanted,
        ready=ready,
        waiting_for="" if ready >= wanted else f"{ready} of {wanted} pods ready",
        trouble=_trouble_told(live, status),
    )


def _judge_job(live: Object, status: Mapping[str, Any]) -> _Judged:
    wanted = live["spec"].get("completions") or 1
    done = status.get("succeeded", 0)
    failed = next(
        (c for c in status.get("conditions") or () if c["type"] == "Failed" and c["status"] == "True"), None
    )
    trouble = failed and Trouble(
        object=f"Job/{live['metadata']['name']}",
        reason=failed.get("reason", "JobFailed"),
        message=failed.get("message", ""),
    )
    waiting_for = "" if done >= wanted else f"{done} of {wanted} completions"
    return _Judged(wanted=wanted, ready=done, waiting_for=waiting_for, trouble=trouble)


def _judge_pod(live: Object, status: Mapping[str, Any]) -> _Judged:
    done = status.get("phase") == "Succeeded" or has_condition(live, "Ready")
    return _Judged(wanted=1, ready=int(done), waiting_for="" if done else "to be ready")


_JUDGES: Final = {
    "Deployment": _judge_deployment,
    "StatefulSet": _judge_stateful_set,
    "DaemonSet": _judge_daemon_set,
    "Job": _judge_job,
    "Pod": _judge_pod,
}
