"""What the apiserver requires, and puts in, of everything in a preview's namespace: one table.

Pod Security leaves open what these close. The policies run inside the apiserver, so no webhook can fail;
they select the namespaces of previews by label, so that no other namespace is ever evaluated. Every
message names the field, the rule and the cure, because it is what the author of a pull request reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from kubepreview.core import foreign, hardening, keys, kinds

_PREVIEWS: Final = {keys.MANAGED: "true"}
_USERNS_PREVIEWS: Final = {**_PREVIEWS, keys.POD_PROFILE: "userns"}
_RESTRICTED_PREVIEWS: Final = {**_PREVIEWS, keys.POD_PROFILE: "restricted"}

# A preview's pods end soon: a close waits for them, and so does whoever drains a node.
MOST_GRACE_S: Final = 60
# What an emptyDir may hold that names no limit.
EMPTY_DIR_LIMIT: Final = "1Gi"

# Required only where it is put in, because it is what hardly anybody writes.
EMPTY_DIRS: Final = "kubepreview-empty-dirs"

# What Kubernetes itself puts into pods, by admission and for those of a DaemonSet.
TOLERATIONS: Final = tuple(
    f"node.kubernetes.io/{each}"
    for each in (
        *("not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure"),
        *("unschedulable", "network-unavailable"),
    )
)
VOLUMES: Final = (
    *("configMap", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
)
PROJECTED: Final = ("configMap", "downwardAPI", "secret")
# Types of Secrets that somebody fills in, or believes.
TOKENS: Final = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")
# By which a claim would get a volume that is there already, with what somebody else left in it.
CLAIMS_NOTHING: Final = ("volumeName", "selector", "dataSource", "dataSourceRef")
_BY_THE_DEPLOYER: Final = (
    f"request.userInfo.username == 'system:serviceaccount:' + request.namespace + ':{keys.DEPLOYER}'"
)
_CONTAINERS: Final = "(object.spec.containers + object.spec.?initContainers.orValue([]))"
_PREFIXES: Final = f"namespaceObject.metadata.?annotations[?'{keys.IMAGE_PREFIXES}'].orValue('').split(',')"
_VOLUMES: Final = "object.spec.?volumes.orValue([])"
_EMPTY_DIRS: Final = f"{_VOLUMES}.filter(volume, has(volume.emptyDir) && !has(volume.emptyDir.sizeLimit))"


_BY_THE_CONTROLLER: Final = (
    f"request.userInfo.username == 'system:serviceaccount:{keys.SYSTEM_NAMESPACE}:{keys.CONTROLLER}'"
)


def _is_a_previews(namespace: str) -> str:
    """This namespace was made for a preview, as the labels and the UID say that only the product writes."""
    return (
        f"({namespace}.metadata.?labels[?'{keys.MANAGED}'].orValue('') == 'true' && "
        f"{namespace}.metadata.?annotations[?'{keys.PREVIEW_UID}'].orValue('') != '')"
    )


def _has_one_of(name: str, fields: tuple[str, ...]) -> str:
    return " || ".join(f"has({name}.{field})" for field in fields)


def _stays_at_home(kind: str) -> str:
    """No term of this affinity speaks of the pods of other namespaces, which it would keep from a node."""
    terms = [
        f"object.spec.?affinity.?{kind}.?{each}.orValue([])"
        for each in (
            "requiredDuringSchedulingIgnoredDuringExecution",
            "preferredDuringSchedulingIgnoredDuringExecution",
        )
    ]
    required = f"{terms[0]}.all(each, !has(each.namespaces) && !has(each.namespaceSelector))"
    weighed = "!has(each.podAffinityTerm.namespaces) && !has(each.podAffinityTerm.namespaceSelector)"
    return f"{required} && {terms[1]}.all(each, {weighed})"


def _obeyed_by_nobody(place: str) -> str:
    """No key of these annotations or labels is one that somebody else obeys."""
    return f"object.metadata.?{place}.orValue({{}}).all(key, !key.matches(r'{foreign.PATTERN}'))"


def _only_the_old(place: str, also: str = "false") -> str:
    """Nothing is in this list of the metadata that was not there before."""
    before = f"(oldObject == null ? [] : oldObject.metadata.?{place}.orValue([]))"
    return f"object.metadata.?{place}.orValue([]).all(each, {also} || each in {before})"


class Rule(Struct, frozen=True):
    """What must hold of an object, in CEL, and what its author is told when it does not."""

    holds: str
    message: str


class Policy(Struct, frozen=True, kw_only=True):
    """One policy over some resources (group, plural), whoever writes them.

    With `puts_in` (an object to apply) or `patches` (a list of JSON patches) it mutates where `when` holds,
    with `rules` it validates there. Pods are looked at when they are created only: scheduler and kubelet
    write them later, and what the rules speak of cannot be changed then.
    """

    name: str
    resources: tuple[tuple[str, str], ...]
    operations: tuple[str, ...] = ("CREATE",)
    namespaces: Mapping[str, str] = field(default_factory=lambda: _PREVIEWS)
    when: str = ""
    puts_in: str = ""
    patches: str = ""
    rules: tuple[Rule, ...] = ()

    @property
    def mutates(self) -> bool:
        """Whether it changes what is sent, or only says no."""
        return bool(self.puts_in or self.patches)


_PODS: Final = (("", "pods"),)
_EVERYTHING: Final = tuple((kind.group, kind.plural) for kind in kinds.ALLOWED.values())
_ASKS_NOBODY: Final = "and a pull request asks nothing of others in the cluster; remove the key"
# Of pods as of everything else, whose templates these come from.
_ASKING: Final = tuple(
    Rule(
        _obeyed_by_nobody(place), f"metadata.{place} has a key that another controller obeys, {_ASKS_NOBODY}"
    )
    for place in ("annotations", "labels")
)
POLICIES: Final = (
    Policy(
        name="kubepreview-pods",
        resources=_PODS,
        when="!has(object.spec.automountServiceAccountToken)",
        puts_in="Object{spec: Object.spec{automountServiceAccountToken: false}}",
    ),
    Policy(
        name="kubepreview-userns-pods",
        resources=_PODS,
        namespaces=_USERNS_PREVIEWS,
        when="!has(object.spec.hostUsers)",
        puts_in="Object{spec: Object.spec{hostUsers: false}}",
    ),
    Policy(
        name="kubepreview-seccomp",
        resources=_PODS,
        when="!has(object.spec.securityContext) || !has(object.spec.securityContext.seccompProfile)",
        puts_in="Object{spec: Object.spec{securityContext: Object.spec.securityContext{seccompProfile: "
        'Object.spec.securityContext.seccompProfile{type: "RuntimeDefault"}}}}',
    ),
    Policy(
        name="kubepreview-restricted-pods",
        resources=_PODS,
        namespaces=_RESTRICTED_PREVIEWS,
        when=hardening.WHEN,
        patches=hardening.PATCHES,
    ),
    # Otherwise the disk of the node is the limit.
    Policy(
        name=EMPTY_DIRS,
        resources=_PODS,
        when=f"{_EMPTY_DIRS}.size() > 0",
        puts_in=f"Object{{spec: Object.spec{{volumes: {_EMPTY_DIRS}.map(volume, Object.spec.volumes{{"
        "name: volume.name, emptyDir: Object.spec.volumes.emptyDir{"
        f'sizeLimit: "{EMPTY_DIR_LIMIT}"}}}})}}}}',
    ),
    # The token volume is put into a pod before any policy runs, unless its account says otherwise.
    Policy(
        name="kubepreview-accounts",
        resources=(("", "serviceaccounts"),),
        operations=("CREATE", "UPDATE"),
        when="!has(object.automountServiceAccountToken)",
        puts_in="Object{automountServiceAccountToken: false}",
    ),
    Policy(
        name="kubepreview-pods",
        resources=_PODS,
        rules=(
            Rule(
                "object.spec.?automountServiceAccountToken.orValue(false) == false",
                "spec.automountServiceAccountToken is true, and no pod of a preview gets a token of the "
                "cluster; leave the field out",
            ),
            Rule(
                f"{_VOLUMES}.all(volume, volume.?projected.?sources.orValue([]).all(source, "
                f"{_has_one_of('source', PROJECTED)}))",
                "spec.volumes has a projected source other than "
                f"{', '.join(PROJECTED)}, and no pod of a preview gets a token or a certificate of the "
                "cluster; remove the volume, and automountServiceAccountToken of pod and ServiceAccount",
            ),
            # Every other kind is mounted by the node, with the node's own network and rights.
            Rule(
                f"{_VOLUMES}.all(volume, {_has_one_of('volume', VOLUMES)})",
                f"spec.volumes has a volume other than {', '.join(VOLUMES)}, which the node itself would "
                "mount; remove the volume, or claim it",
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
            Rule(
                "object.spec.?schedulerName.orValue('default-scheduler') == 'default-scheduler'",
                "spec.schedulerName is set, and the cluster's own scheduler places the pods of a preview; "
                "leave the field out",
            ),
            Rule(
                "object.spec.?tolerations.orValue([]).all(each, each.?key.orValue('') in "
                f"[{', '.join(repr(each) for each in TOLERATIONS)}])",
                "spec.tolerations is set, and the pods of a preview run where any pod may; "
                "leave the field out",
            ),
            Rule(
                f"object.spec.?terminationGracePeriodSeconds.orValue(30) <= {MOST_GRACE_S}",
                f"spec.terminationGracePeriodSeconds is more than {MOST_GRACE_S}, and a preview ends soon; "
                "leave the field out",
            ),
            Rule(
                f"{_CONTAINERS}.all(each, each.?image.orValue('').matches('@sha256:[0-9a-f]{{64}}$'))",
                "spec.containers has an image without a digest, and a tag can move; name it by its digest",
            ),
            Rule(
                f"{_CONTAINERS}.all(each, {_PREFIXES}.exists(prefix, "
                "each.?image.orValue('').startsWith(prefix)))",
                "spec.containers has an image from elsewhere than the project allows; use one from there",
            ),
            Rule(
                f"{_stays_at_home('podAffinity')} && {_stays_at_home('podAntiAffinity')}",
                "spec.affinity has namespaces or a namespaceSelector, and a preview keeps no other pod from "
                "a node; leave the field out",
            ),
            *_ASKING,
        ),
    ),
    Policy(
        name="kubepreview-userns-pods",
        resources=_PODS,
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
        ),
    ),
    Policy(
        name=EMPTY_DIRS,
        resources=_PODS,
        rules=(
            Rule(
                f"{_EMPTY_DIRS}.size() == 0",
                "spec.volumes has an emptyDir without a limit, and the node's disk is everybody's; "
                "leave the field out, or give it a sizeLimit",
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
            *_ASKING,
        ),
    ),
)
