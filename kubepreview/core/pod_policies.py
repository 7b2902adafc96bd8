"""What the apiserver requires of a preview's pods, and puts into them: what Pod Security leaves open.

Every message names the field, the rule and the cure, because it is what the author of a pull request reads.
"""

from __future__ import annotations

from typing import Final

from kubepreview.core import hardening, isolation, keys
from kubepreview.core.policy import ASKS_NOBODY, PREVIEWS, Policy, Rule

_USERNS_PREVIEWS: Final = {**PREVIEWS, keys.POD_PROFILE: "userns"}
_RESTRICTED_PREVIEWS: Final = {**PREVIEWS, keys.POD_PROFILE: "restricted"}

# A preview's pods end soon: a close waits for them, and so does whoever drains a node.
MOST_GRACE_S: Final = 60
# What an emptyDir may hold that names no limit.
EMPTY_DIR_LIMIT: Final = "1Gi"

# Required only where they are put in, because it is what hardly anybody writes.
EMPTY_DIRS: Final = "kubepreview-empty-dirs"
ISOLATED: Final = "kubepreview-isolated-pods"

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
_CONTAINERS: Final = "(object.spec.containers + object.spec.?initContainers.orValue([]))"
# All but the one that the product puts in.
_THEIRS: Final = f"{_CONTAINERS}.filter(each, each.?image.orValue('') != '{isolation.IMAGE}')"
_PREFIXES: Final = f"namespaceObject.metadata.?annotations[?'{keys.IMAGE_PREFIXES}'].orValue('').split(',')"
_RUNTIME_CLASS: Final = f"namespaceObject.metadata.?annotations[?'{keys.RUNTIME_CLASS}'].orValue('')"
_TOLERATED: Final = f"namespaceObject.metadata.?annotations[?'{keys.TOLERATED}'].orValue('').split(',')"
_VOLUMES: Final = "object.spec.?volumes.orValue([])"
_EMPTY_DIRS: Final = f"{_VOLUMES}.filter(volume, has(volume.emptyDir) && !has(volume.emptyDir.sizeLimit))"
_PODS: Final = (("", "pods"),)


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


POLICIES: Final = (
    Policy(
        name="kubepreview-pods",
        resources=_PODS,
        when="!has(object.spec.automountServiceAccountToken)",
        puts_in="Object{spec: Object.spec{automountServiceAccountToken: false}}",
    ),
    Policy(
        name="kubepreview-runtime-class-pods",
        resources=_PODS,
        namespaces={**PREVIEWS, keys.HAS_RUNTIME_CLASS: "true"},
        when="!has(object.spec.runtimeClassName)",
        puts_in=f"Object{{spec: Object.spec{{runtimeClassName: {_RUNTIME_CLASS}}}}}",
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
    Policy(
        name=EMPTY_DIRS,
        resources=_PODS,
        when=f"{_EMPTY_DIRS}.size() > 0",
        puts_in=f"Object{{spec: Object.spec{{volumes: {_EMPTY_DIRS}.map(volume, Object.spec.volumes{{"
        "name: volume.name, emptyDir: Object.spec.volumes.emptyDir{"
        f'sizeLimit: "{EMPTY_DIR_LIMIT}"}}}})}}}}',
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
                f"[{', '.join(repr(each) for each in TOLERATIONS)}] || "
                f"(each.?key.orValue('') != '' && each.key in {_TOLERATED}))",
                "spec.tolerations is set, and the pods of a preview run where any pod may; "
                "leave the field out",
            ),
            Rule(
                f"object.spec.?runtimeClassName.orValue('') == {_RUNTIME_CLASS}",
                "spec.runtimeClassName is set, and the project chooses by what its pods run; "
                "leave the field out",
            ),
            Rule(
                f"object.spec.?terminationGracePeriodSeconds.orValue(30) <= {MOST_GRACE_S}",
                f"spec.terminationGracePeriodSeconds is more than {MOST_GRACE_S}, and a preview ends soon; "
                "leave the field out",
            ),
            Rule(
                f"{_THEIRS}.all(each, each.?image.orValue('').matches('@sha256:[0-9a-f]{{64}}$'))",
                "spec.containers has an image without a digest, and a tag can move; name it by its digest",
            ),
            Rule(
                f"{_THEIRS}.all(each, {_PREFIXES}.exists(prefix, "
                "each.?image.orValue('').startsWith(prefix)))",
                "spec.containers has an image from elsewhere than the project allows; use one from there",
            ),
            Rule(
                f"{_stays_at_home('podAffinity')} && {_stays_at_home('podAntiAffinity')}",
                "spec.affinity has namespaces or a namespaceSelector, and a preview keeps no other pod from "
                "a node; leave the field out",
            ),
            *ASKS_NOBODY,
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
        name=ISOLATED,
        resources=_PODS,
        namespaces=isolation.NAMESPACES,
        when=isolation.MISSING,
        patches=isolation.PATCHES,
    ),
    Policy(
        name=ISOLATED,
        resources=_PODS,
        namespaces=isolation.NAMESPACES,
        rules=(
            Rule(
                isolation.IS_FIRST,
                f"spec.initContainers has another beginning than {isolation.NAME} as it is put in, and no "
                "pod of this project begins before the network policies hold it; leave the field out",
            ),
        ),
    ),
)
