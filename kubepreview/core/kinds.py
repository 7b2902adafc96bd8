"""The kinds a pull request may bring: one table for the Role, the early check, order and decoration.

The apiserver enforces it: the deployer's ClusterRole is made of this table, and nothing else may be
applied under that identity. Kinds that route traffic, grant rights or reach beyond the namespace are
absent on purpose; design: "The apiserver is the wall".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from kubepreview.core.model import ObjectRef
from kubepreview.core.wire import Object

ZeroedBy = Literal["", "Replicas", "Suspend", "NodeSelector"]


class Kind(Struct, frozen=True, kw_only=True):
    """One allowed kind.

    `pod_template` is the path to the pod template (empty: it has none); a Pod is its own template.
    `order` is when it is applied: what others read first comes first. `is_replaced`: it cannot be changed
    once it is there, so that a new revision's takes the place of the old. `zeroed_by`: what keeps it from
    having pods without deleting it.
    """

    api_version: str
    kind: str
    plural: str
    order: int
    pod_template: tuple[str, ...] = ()
    is_replaced: bool = False
    zeroed_by: ZeroedBy = ""

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        group, slash, _ = self.api_version.partition("/")
        return group if slash else ""


_TEMPLATE = ("spec", "template")


def _workload(api_version: str, kind: str, zeroed_by: ZeroedBy, *, is_replaced: bool = False) -> Kind:
    """One with a pod template in the usual place."""
    return Kind(
        api_version=api_version,
        kind=kind,
        plural=f"{kind.lower()}s",
        order=2,
        pod_template=_TEMPLATE,
        is_replaced=is_replaced,
        zeroed_by=zeroed_by,
    )


_KINDS = (
    Kind(api_version="v1", kind="ConfigMap", plural="configmaps", order=0),
    Kind(api_version="v1", kind="Secret", plural="secrets", order=0),
    Kind(api_version="v1", kind="ServiceAccount", plural="serviceaccounts", order=0),
    Kind(api_version="v1", kind="PersistentVolumeClaim", plural="persistentvolumeclaims", order=0),
    Kind(api_version="v1", kind="Service", plural="services", order=1),
    Kind(api_version="v1", kind="Pod", plural="pods", order=2, is_replaced=True),
    _workload("v1", "ReplicationController", "Replicas"),
    _workload("apps/v1", "Deployment", "Replicas"),
    _workload("apps/v1", "ReplicaSet", "Replicas"),
    _workload("apps/v1", "StatefulSet", "Replicas"),
    _workload("apps/v1", "DaemonSet", "NodeSelector"),
    _workload("batch/v1", "Job", "Suspend", is_replaced=True),
    Kind(
        api_version="batch/v1",
        kind="CronJob",
        plural="cronjobs",
        order=2,
        pod_template=("spec", "jobTemplate", "spec", "template"),
        zeroed_by="Suspend",
    ),
    Kind(
        api_version="autoscaling/v2",
        kind="HorizontalPodAutoscaler",
        plural="horizontalpodautoscalers",
        order=3,
    ),
    Kind(api_version="policy/v1", kind="PodDisruptionBudget", plural="poddisruptionbudgets", order=3),
)

ALLOWED: Mapping[tuple[str, str], Kind] = {(kind.api_version, kind.kind): kind for kind in _KINDS}

# Allowed only where the project keeps DaemonSets: each of their pods costs one on every node.
DAEMON_SET = ALLOWED["apps/v1", "DaemonSet"]
# What makes pods; ended first when a preview closes.
WORKLOADS = tuple(kind for kind in _KINDS if kind.pod_template)


def is_named(obj: Object) -> bool:
    """Whether it says which object it is; what an author wrote may have any shape."""
    words = (obj.get("apiVersion"), obj.get("kind"), as_mapping(obj.get("metadata")).get("name"))
    return all(isinstance(word, str) and word for word in words)


def ref_of(obj: Object) -> ObjectRef:
    """Which object this is, by kind and name."""
    return ObjectRef(api_version=obj["apiVersion"], kind=obj["kind"], name=obj["metadata"]["name"])


def kind_of(ref: ObjectRef) -> Kind:
    """The table's row of an object; KeyError for a kind that is not allowed."""
    return ALLOWED[ref.api_version, ref.kind]


def in_order(objects: tuple[Object, ...]) -> tuple[Object, ...]:
    """The objects in the order in which they are applied: what others read comes first."""
    return tuple(sorted(objects, key=lambda obj: (kind_of(ref_of(obj)).order, obj["kind"])))


def pod_template(obj: Object) -> Object | None:
    """The pod template inside a workload, the Pod itself for a Pod, None for what runs no pods."""
    if obj["kind"] == "Pod":
        return obj
    kind = ALLOWED.get((obj["apiVersion"], obj["kind"]))
    if kind is None or not kind.pod_template:
        return None
    inner: Any = obj
    for step in kind.pod_template:
        inner = as_mapping(inner).get(step)
    return inner if isinstance(inner, dict) else None


def as_mapping(value: Any) -> Object:
    """The value if it is an object, else an empty one: what an author wrote may have any shape."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_mappings(value: Any) -> list[Object]:
    """The items of a list, each as a mapping; nothing for what is no list."""
    return [as_mapping(item) for item in as_list(value)]


def has_condition(obj: Object, kind: str) -> bool:
    """Whether the status of a live object says that this condition is True."""
    conditions = as_mapping(obj.get("status")).get("conditions") or ()
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)
