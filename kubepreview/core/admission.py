"""The table of policies as objects that the apiserver reads."""

from __future__ import annotations

from typing import Final

from kubepreview.core import isolation
from kubepreview.core.policies import POLICIES
from kubepreview.core.policy import Policy
from kubepreview.core.wire import Object

API_VERSION: Final = "admissionregistration.k8s.io/v1"
MUTATING_KINDS: Final = frozenset({"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"})


def admission_policies(image: str) -> tuple[Object, ...]:
    """Each policy with its binding, ready to be applied. `image`: the product's own, which pods may have."""
    return tuple(obj for policy in POLICIES for obj in (_policy(policy, image), _binding(policy)))


def _kind(policy: Policy) -> str:
    return "MutatingAdmissionPolicy" if policy.mutates else "ValidatingAdmissionPolicy"


def _policy(policy: Policy, image: str) -> Object:
    spec: Object = {"failurePolicy": "Fail", "matchConstraints": _match(policy)}
    if policy.when:
        spec["matchConditions"] = [{"name": "when", "expression": policy.when}]
    if policy.mutates:
        spec["reinvocationPolicy"] = "Never"
        spec["mutations"] = [_mutation(policy, image)]
    else:
        spec["validations"] = [
            {
                "expression": rule.holds.replace(isolation.IMAGE, image),
                "message": rule.message,
                "reason": "Forbidden",
            }
            for rule in policy.rules
        ]
    return {
        "apiVersion": API_VERSION,
        "kind": _kind(policy),
        "metadata": {"name": policy.name},
        "spec": spec,
    }


def _mutation(policy: Policy, image: str) -> Object:
    if policy.patches:
        patches = policy.patches.replace(isolation.IMAGE, image)
        return {"patchType": "JSONPatch", "jsonPatch": {"expression": patches}}
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": policy.puts_in}}


def _match(policy: Policy) -> Object:
    groups: dict[str, list[str]] = {}
    for group, plural in policy.resources:
        groups.setdefault(group, []).append(plural)
    selector = {"namespaceSelector": {"matchLabels": dict(policy.namespaces)}} if policy.namespaces else {}
    return {
        **selector,
        "resourceRules": [
            {
                "apiGroups": [group],
                "apiVersions": ["*"],
                "resources": plurals,
                "operations": list(policy.operations),
            }
            for group, plurals in groups.items()
        ],
    }


def _binding(policy: Policy) -> Object:
    spec: Object = {"policyName": policy.name}
    if not policy.mutates:
        spec["validationActions"] = ["Deny"]
    return {
        "apiVersion": API_VERSION,
        "kind": f"{_kind(policy)}Binding",
        "metadata": {"name": policy.name},
        "spec": spec,
    }
