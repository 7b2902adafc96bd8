"""Do the workloads run what was applied? Judged from the live objects, for the current revision only.

Pods of an earlier revision neither make a preview available nor make it fail: their owners say which
pods are current (`deployment.kubernetes.io/revision`, `status.updateRevision`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kubepreview.core.kinds import as_mapping, pod_template, ref_of
from kubepreview.core.model import Object
from kubepreview.core.observed import Observed
from kubepreview.core.refusals import with_cure
from kubepreview.core.wanted import Wanted

# Restarts after which a container is called failing. Applications that wait for their database by
# crashing are common; with the kubelet's back-off three restarts are about forty seconds.
RESTARTS_TO_FAIL: Final = 3

# Reasons for waiting that no amount of waiting mends.
_HOPELESS: Final = frozenset(
    {"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}
)
# The words by which registries say that the image will not be there on the next try either.
_IMAGE_ABSENT: Final = ("not found", "unauthorized", "denied", "does not exist")

# The kinds whose controller says which generation its status speaks of.
_HAVE_GENERATION: Final = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"}
)

_REVISION: Final = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why the current revision will not become available. `pod` and `container` say whose log to read."""

    object: str
    reason: str
    message: str
    pod: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The workloads of a preview in one value.

    `is_settled`: every pod that should run does, is ready, and is of the current revision.
    `waiting_for`: the first thing that is not so, in words.
    """

    ready: int
    wanted: int
    is_settled: bool
    waiting_for: str = ""
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
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
        trouble=next((each.trouble for each in judged if each.trouble), None),
    )


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
    pods = _current_pods(live, observed)
    waiting_for = f"{name}: {judged.waiting_for}{_not_ready_yet(pods)}"
    trouble = judged.trouble or _pod_trouble(pods)
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
    done = status.get("phase") == "Succeeded" or _has_condition(live, "Ready")
    return _Judged(wanted=1, ready=int(done), waiting_for="" if done else "to be ready")


_JUDGES: Final = {
    "Deployment": _judge_deployment,
    "StatefulSet": _judge_stateful_set,
    "DaemonSet": _judge_daemon_set,
    "Job": _judge_job,
    "Pod": _judge_pod,
}


def _has_condition(obj: Object, kind: str) -> bool:
    conditions = as_mapping(obj.get("status")).get("conditions") or ()
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)


def _current_pods(live: Object, observed: Observed) -> tuple[Object, ...]:
    """The pods of a workload's current revision that are not on their way out."""
    pods = tuple(pod for pod in observed.pods if "deletionTimestamp" not in pod["metadata"])
    uid = live["metadata"]["uid"]
    if live["kind"] == "Pod":
        return tuple(pod for pod in pods if pod["metadata"]["uid"] == uid)
    if live["kind"] == "Deployment":
        revision = (live["metadata"].get("annotations") or {}).get(_REVISION)
        owners = {
            each["metadata"]["uid"]
            for each in observed.replica_sets
            if uid in _owner_uids(each)
            and (each["metadata"].get("annotations") or {}).get(_REVISION) == revision
        }
        return tuple(pod for pod in pods if owners & _owner_uids(pod))
    owned = tuple(pod for pod in pods if uid in _owner_uids(pod))
    if live["kind"] == "StatefulSet":
        update = as_mapping(live.get("status")).get("updateRevision")
        return tuple(
            pod for pod in owned if pod["metadata"]["labels"].get("controller-revision-hash") == update
        )
    return owned


def _not_ready_yet(pods: Iterable[Object]) -> str:
    """The first container that keeps its pod from being ready, if that, and no cluster, is the author's."""
    for pod in pods:
        probed = {
            each["name"]
            for each in as_mapping(pod.get("spec")).get("containers") or ()
            if "readinessProbe" in each
        }
        for container in as_mapping(pod.get("status")).get("containerStatuses") or ():
            why = "" if container.get("ready") else _why_not_ready(container, probed)
            if why:
                return f"; Pod/{pod['metadata']['name']} container {container['name']} {why}"
    return ""


def _why_not_ready(container: Mapping[str, Any], probed: Container[str]) -> str:
    state = as_mapping(container.get("state"))
    last = state.get("terminated") or as_mapping(container.get("lastState")).get("terminated")
    if code := as_mapping(last).get("exitCode", 0):
        return f"ended with exit code {code}, and is tried again"
    if "running" in state and container["name"] in probed:
        return "runs, and its readinessProbe has not passed"
    return ""


def _owner_uids(obj: Object) -> set[str]:
    return {owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()}


def _pod_trouble(pods: Iterable[Object]) -> Trouble | None:
    for pod in pods:
        status = as_mapping(pod.get("status"))
        containers = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
        for container in containers:
            trouble = _container_trouble(pod["metadata"]["name"], container)
            if trouble:
                return trouble
    return None


def _container_trouble(pod: str, container: Mapping[str, Any]) -> Trouble | None:
    waiting = as_mapping(as_mapping(container.get("state")).get("waiting"))
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    where = f"Pod/{pod} container {container['name']}"
    absent = reason == "ErrImagePull" and any(word in message.lower() for word in _IMAGE_ABSENT)
    if reason in _HOPELESS or absent:
        text = f"image {container.get('image', '')}: {message}" if "Image" in reason else message
        return Trouble(object=where, reason=reason, message=text)
    ended = as_mapping(as_mapping(container.get("lastState")).get("terminated"))
    crashed = ended.get("exitCode", 0) != 0 and not container.get("ready")
    if crashed and container.get("restartCount", 0) >= RESTARTS_TO_FAIL:
        return Trouble(
            object=where,
            reason="CrashLoopBackOff",
            message=(
                f"it ended with exit code {ended['exitCode']} ({ended.get('reason', 'Error')}) "
                f"and was restarted {container['restartCount']} times"
            ),
            pod=pod,
            container=container["name"],
        )
    return None
