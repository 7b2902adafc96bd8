"""The pods of a workload's current revision: what keeps them from being ready, and whether it will pass.

Pods of an earlier revision neither make a preview available nor make it fail: their owners say which
pods are current (`deployment.kubernetes.io/revision`, `status.updateRevision`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from kubepreview.core.kinds import as_mapping
from kubepreview.core.observed import Observed
from kubepreview.core.wire import Object

# Restarts after which a container is called failing. With the kubelet's back-off the third comes about
# thirty seconds after the first crash.
RESTARTS_TO_FAIL: Final = 3
# Applications that wait for their database by crashing are common: while another workload is still on its
# way, this many restarts are waited out. The fifth comes after two and a half minutes.
RESTARTS_TO_FAIL_REGARDLESS: Final = 5

# Reasons for waiting that no amount of waiting mends.
_HOPELESS: Final = frozenset(
    {"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}
)
# The words by which registries say that the image will not be there on the next try either.
_IMAGE_ABSENT: Final = ("not found", "unauthorized", "denied", "does not exist")

_REVISION: Final = "deployment.kubernetes.io/revision"


class Trouble(Struct, frozen=True, kw_only=True):
    """Why the current revision will not become available. `pod` and `container` say whose log to read.

    `may_pass`: it may mend itself when the other workloads of the preview run.
    """

    object: str
    reason: str
    message: str
    pod: str = ""
    container: str = ""
    may_pass: bool = False


def current_pods(live: Object, observed: Observed) -> tuple[Object, ...]:
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


def not_ready_yet(pods: Iterable[Object]) -> str:
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


def trouble_of(pods: Iterable[Object]) -> Trouble | None:
    """The first container that will not start, or ends again and again."""
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
            may_pass=container["restartCount"] < RESTARTS_TO_FAIL_REGARDLESS,
        )
    return None
