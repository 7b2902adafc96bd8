"""What the apiserver said no to, in words for the author: object, field, rule, cure."""

from __future__ import annotations

from typing import Final

from kubepreview.core.kinds import as_mapping, as_mappings, pod_template
from kubepreview.core.model import ObjectRef
from kubepreview.core.wire import Object

# The rule that spoke, by words only it uses in the apiserver's message, and what the author can do.
_CURES: Final = (
    (
        "cannot patch resource",
        "remove the object; a preview holds workloads and what they read, and no rights",
    ),
    ("exceeded quota", "lower what it asks for, or have the project's quota raised"),
    ("violates PodSecurity", "remove the field; the project's podProfile says what pods may have"),
    ("when `hostUsers` is false", "leave the field out; every pod has a user namespace of its own"),
    ("provided port is not in the valid range", "use a port between 1 and 65535"),
    ("ValidatingAdmissionPolicy", "change the field that the policy names"),
    ("unknown field", "correct the spelling of the field"),
    ("field not declared in schema", "correct the spelling of the field"),
    ("no matches for kind", "use an apiVersion that the cluster serves"),
    ("field is immutable", "give the object another name, or keep the field as it was"),
    ("Invalid value", "correct the field"),
    ("Required value", "add the field"),
    (": Forbidden: ", "leave the field out"),
)
# Workloads whose controllers tell in Events alone that their pods are refused, so that waiting for one of
# their pods would never end with a reason.
_SILENT: Final = frozenset({"StatefulSet", "DaemonSet", "Job", "CronJob"})
# What the rules about pods say. What a quota or an account lacks may be there when the pod is made.
_OF_PODS: Final = ("violates PodSecurity", "ValidatingAdmissionPolicy")


def trial_pod(workload: Object) -> Object | None:
    """A pod as this workload would make it, to be tried; None where its controller says what is refused."""
    return pod_of(workload) if workload["kind"] in _SILENT else None


def pod_of(workload: Object) -> Object | None:
    """A pod as this workload would make it, with scratch volumes for its claims; None if it makes none."""
    template = pod_template(workload)
    if template is None:
        return None
    spec = as_mapping(template.get("spec"))
    claims = as_mappings(as_mapping(workload.get("spec")).get("volumeClaimTemplates"))
    claimed: list[Object] = [
        {"name": as_mapping(claim.get("metadata")).get("name"), "emptyDir": {}} for claim in claims
    ]
    metadata = as_mapping(template.get("metadata"))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **metadata,
            "name": f"{workload['metadata']['name']}-trial",
            "namespace": workload["metadata"]["namespace"],
        },
        "spec": {**spec, "volumes": [*as_mappings(spec.get("volumes")), *claimed]},
    }


def is_about_pods(message: str) -> bool:
    """Whether this is the sentence of a rule about pods, which the same pod will meet again."""
    return any(words in message for words in _OF_PODS)


def refusal(ref: ObjectRef, message: str) -> str:
    """One sentence: which object, what the server said, and what mends it."""
    return f"{ref.kind}/{ref.name}: {with_cure(message)}"


def with_cure(message: str) -> str:
    """What the server said, and what mends it where that is known."""
    cure = next((cure for words, cure in _CURES if words in message), "")
    return message + (f" → {cure}" if cure else "")
