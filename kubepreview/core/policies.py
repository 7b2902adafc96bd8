"""What the apiserver requires, and puts in, of everything in a preview's namespace: one table.

Pod Security leaves open what these close. The policies run inside the apiserver, so no webhook can fail;
they select the namespaces of previews by label, so that no other namespace is ever evaluated. Every
message names the field, the rule and the cure, because it is what the author of a pull request reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from kubepreview.core import keys
from kubepreview.core.wire import Object

API_VERSION: Final = "admissionregistration.k8s.io/v1"
MUTATING_KINDS: Final = frozenset({"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"})

_PREVIEWS: Final = {keys.MANAGED: "true"}
_USERNS_PREVIEWS: Final = {**_PREVIEWS, keys.POD_PROFILE: "userns"}


class Rule(Struct, frozen=True):
    """What must hold of an object, in CEL, and what its author is told when it does not."""

    holds: str
    message: str


class Policy(Struct, frozen=True, kw_only=True):
    """One policy over one resource. With `puts_in` it mutates where `when` holds, with `rules` it validates.

    Pods are looked at when they are created only: scheduler and kubelet write them later, and what the
    rules speak of cannot be changed then.
    """

    name: str
    resource: str
    operations: tuple[str, ...] = ("CREATE",)
    namespaces: Mapping[str, str] = field(default_factory=lambda: _PREVIEWS)
    when: str = ""
    puts_in: str = ""
    rules: tuple[Rule, ...] = ()


POLICIES: Final = (
    Policy(
        name="kubepreview-pods",
        resource="pods",
        when="!has(object.spec.automountServiceAccountToken)",
        puts_in="Object{spec: Object.spec{automountServiceAccountToken: false}}",
    ),
    Policy(
        name="kubepreview-userns-pods",
        resource="pods",
        namespaces=_USERNS_PREVIEWS,
        when="!has(object.spec.hostUsers)",
        puts_in="Object{spec: Object.spec{hostUsers: false}}",
    ),
    # The token volume is put into a pod before any policy runs, unless its account says otherwise.
    Policy(
        name="kubepreview-accounts",
        resource="serviceaccounts",
        operations=("CREATE", "UPDATE"),
        when="!has(object.automountServiceAccountToken)",
        puts_in="Object{automountServiceAccountToken: false}",
    ),
    Policy(
        name="kubepreview-pods",
        resource="pods",
        rules=(
            Rule(
                "object.spec.?automountServiceAccountToken.orValue(false) == false",
                "spec.automountServiceAccountToken is true, and no pod of a preview gets a token of the "
                "cluster; leave the field out",
            ),
            Rule(
                "!object.spec.?volumes.orValue([]).exists(volume, "
                "volume.?projected.?sources.orValue([]).exists(source, has(source.serviceAccountToken)))",
                "spec.volumes has a projected serviceAccountToken, and no pod of a preview gets a token of "
                "the cluster; remove the volume, and automountServiceAccountToken of pod and ServiceAccount",
            ),
            Rule(
                f"object.spec.?priorityClassName.orValue('') == '{keys.PRIORITY_CLASS}'",
                f"spec.priorityClassName is not {keys.PRIORITY_CLASS}, and a preview never displaces other "
                "work; leave the field out of the manifests, `kubepreview up` and the controller set it",
            ),
            # The scheduler binds through a subresource; a name at creation goes around it.
            Rule(
                "object.spec.?nodeName.orValue('') == ''",
                "spec.nodeName is set, and the scheduler places the pods of a preview; leave the field out",
            ),
        ),
    ),
    Policy(
        name="kubepreview-userns-pods",
        resource="pods",
        namespaces=_USERNS_PREVIEWS,
        rules=(
            Rule(
                "object.spec.?hostUsers.orValue(true) == false",
                "spec.hostUsers is not false, and every pod of this project runs in a user namespace of its "
                "own; leave the field out",
            ),
        ),
    ),
    Policy(
        name="kubepreview-accounts",
        resource="serviceaccounts",
        operations=("CREATE", "UPDATE"),
        rules=(
            Rule(
                "object.?automountServiceAccountToken.orValue(false) == false",
                "automountServiceAccountToken is true, and no pod of a preview gets a token of the cluster; "
                "leave the field out",
            ),
        ),
    ),
    Policy(
        name="kubepreview-services",
        resource="services",
        operations=("CREATE", "UPDATE"),
        rules=(
            Rule(
                "object.spec.?type.orValue('ClusterIP') == 'ClusterIP'",
                "spec.type is not ClusterIP, and a preview is reached through its route only; "
                "leave the field out",
            ),
            Rule(
                "object.spec.?externalIPs.orValue([]).size() == 0",
                "spec.externalIPs is set, and a preview answers on no address but its route; "
                "leave the field out",
            ),
            Rule(
                "object.spec.?externalName.orValue('') == ''",
                "spec.externalName is set, and a Service of a preview leads to its own pods only; "
                "leave the field out, and select pods",
            ),
        ),
    ),
)


def admission_policies() -> tuple[Object, ...]:
    """Each policy with its binding, ready to be applied."""
    return tuple(obj for policy in POLICIES for obj in (_policy(policy), _binding(policy)))


def _kind(policy: Policy) -> str:
    return "MutatingAdmissionPolicy" if policy.puts_in else "ValidatingAdmissionPolicy"


def _policy(policy: Policy) -> Object:
    spec: Object = {"failurePolicy": "Fail", "matchConstraints": _match(policy)}
    if policy.when:
        spec["matchConditions"] = [{"name": "unset", "expression": policy.when}]
    if policy.puts_in:
        spec["reinvocationPolicy"] = "Never"
        spec["mutations"] = [
            {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": policy.puts_in}}
        ]
    else:
        spec["validations"] = [
            {"expression": rule.holds, "message": rule.message, "reason": "Forbidden"}
            for rule in policy.rules
        ]
    return {
        "apiVersion": API_VERSION,
        "kind": _kind(policy),
        "metadata": {"name": policy.name},
        "spec": spec,
    }


def _match(policy: Policy) -> Object:
    return {
        "namespaceSelector": {"matchLabels": dict(policy.namespaces)},
        "resourceRules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "resources": [policy.resource],
                "operations": list(policy.operations),
            }
        ],
    }


def _binding(policy: Policy) -> Object:
    spec: Object = {"policyName": policy.name}
    if not policy.puts_in:
        spec["validationActions"] = ["Deny"]
    return {
        "apiVersion": API_VERSION,
        "kind": f"{_kind(policy)}Binding",
        "metadata": {"name": policy.name},
        "spec": spec,
    }
