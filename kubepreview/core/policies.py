"""What the apiserver requires, and puts in, of everything in a preview's namespace: one table.

Pod Security leaves open what these close. The policies run inside the apiserver, so no webhook can fail;
they select the namespaces of previews by label, so that no other namespace is ever evaluated. Those of pods
are in `pod_policies`.
"""

from __future__ import annotations

from typing import Final

from kubepreview.core import isolation, keys, kinds, pod_policies
from kubepreview.core.policy import ASKS_NOBODY, Policy, Rule

# Types of Secrets that somebody fills in, or believes.
TOKENS: Final = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")
# By which a claim would get a volume that is there already, with what somebody else left in it.
CLAIMS_NOTHING: Final = ("volumeName", "selector", "dataSource", "dataSourceRef")
_BY_THE_DEPLOYER: Final = (
    f"request.userInfo.username == 'system:serviceaccount:' + request.namespace + ':{keys.DEPLOYER}'"
)
_BY_THE_CONTROLLER: Final = (
    f"request.userInfo.username == 'system:serviceaccount:{keys.SYSTEM_NAMESPACE}:{keys.CONTROLLER}'"
)


def _is_a_previews(namespace: str) -> str:
    """This namespace was made for a preview, as the labels and the UID say that only the product writes."""
    return (
        f"({namespace}.metadata.?labels[?'{keys.MANAGED}'].orValue('') == 'true' && "
        f"{namespace}.metadata.?annotations[?'{keys.PREVIEW_UID}'].orValue('') != '')"
    )


def _only_the_old(place: str, also: str = "false") -> str:
    """Nothing is in this list of the metadata that was not there before."""
    before = f"(oldObject == null ? [] : oldObject.metadata.?{place}.orValue([]))"
    return f"object.metadata.?{place}.orValue([]).all(each, {also} || each in {before})"


_EVERYTHING: Final = tuple((kind.group, kind.plural) for kind in kinds.ALLOWED.values())
POLICIES: Final = (
    *pod_policies.POLICIES,
    # Otherwise the disk of the node is the limit.
    # The token volume is put into a pod before any policy runs, unless its account says otherwise.
    Policy(
        name="kubepreview-accounts",
        resources=(("", "serviceaccounts"),),
        operations=("CREATE", "UPDATE"),
        when="!has(object.automountServiceAccountToken)",
        puts_in="Object{automountServiceAccountToken: false}",
    ),
    Policy(
        name="kubepreview-accounts",
        resources=(("", "serviceaccounts"),),
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
        resources=(("", "services"),),
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
            Rule(
                f"object.metadata.name != '{isolation.APISERVER}'",
                f"metadata.name is {isolation.APISERVER}, by which every pod finds the cluster's apiserver; "
                "choose another name",
            ),
        ),
    ),
    Policy(
        name="kubepreview-secrets",
        resources=(("", "secrets"),),
        operations=("CREATE", "UPDATE"),
        rules=(
            Rule(
                f"!(object.?type.orValue('') in {list(TOKENS)})",
                "type is that of a token of the cluster, which a preview does not get; remove the object",
            ),
        ),
    ),
    Policy(
        name="kubepreview-claims",
        resources=(("", "persistentvolumeclaims"),),
        rules=tuple(
            Rule(
                f"!has(object.spec.{name})",
                f"spec.{name} is set, and a preview's volumes are new and empty; leave the field out",
            )
            for name in CLAIMS_NOTHING
        ),
    ),
    Policy(
        name="kubepreview-disruption-budgets",
        resources=(("policy", "poddisruptionbudgets"),),
        rules=(
            Rule(
                "false",
                "kind is PodDisruptionBudget, and a preview does not hold up whoever drains a node; "
                "remove the object",
            ),
        ),
    ),
    # RBAC cannot say which namespaces: whoever took over the controller's pod could else end any of them.
    Policy(
        name="kubepreview-controller-namespaces",
        resources=(("", "namespaces"),),
        operations=("CREATE", "UPDATE", "DELETE"),
        namespaces={},
        when=_BY_THE_CONTROLLER,
        rules=(
            Rule(
                f"(object == null || {_is_a_previews('object')}) && "
                f"(oldObject == null || {_is_a_previews('oldObject')})",
                "metadata is not that of a preview's namespace, and the controller writes no other; "
                "leave the field out",
            ),
        ),
    ),
    Policy(
        name="kubepreview-controller",
        resources=(
            *(("", each) for each in ("limitranges", "pods", "resourcequotas", "serviceaccounts")),
            *(("networking.k8s.io", each) for each in ("ingresses", "networkpolicies")),
            ("rbac.authorization.k8s.io", "rolebindings"),
        ),
        operations=("CREATE", "UPDATE", "DELETE"),
        namespaces={},
        when=_BY_THE_CONTROLLER,
        rules=(
            Rule(
                f"request.namespace in {[keys.SYSTEM_NAMESPACE, keys.GATEWAY_NAMESPACE]} || "
                f"{_is_a_previews('namespaceObject')}",
                "namespace is not a preview's, and the controller writes in no other; leave the field out",
            ),
        ),
    ),
    # Whatever the kind. What the cluster's own controllers write of it is theirs.
    Policy(
        name="kubepreview-objects",
        resources=_EVERYTHING,
        operations=("CREATE", "UPDATE"),
        when=_BY_THE_DEPLOYER,
        rules=(
            # Claims are protected by admission itself, before this is asked.
            Rule(
                _only_the_old("finalizers", "each == 'kubernetes.io/pvc-protection'"),
                "metadata.finalizers is set, and nothing of a preview outlives it; leave the field out",
            ),
            Rule(
                _only_the_old("ownerReferences"),
                "metadata.ownerReferences is set, and what a pull request brings has no owner; "
                "leave the field out",
            ),
            *ASKS_NOBODY,
        ),
    ),
)
