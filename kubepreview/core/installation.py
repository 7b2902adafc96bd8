"""What `install` puts into a cluster: every object, in the order in which it is applied.

Pure, so that a dry run, the files in deploy/ and the installation itself are the same objects. Rights are
the least that the controller can work with: it writes no workload itself, it impersonates the deployer of
the preview, and it can grant the deployer's Roles only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kubepreview import __version__
from kubepreview.core import (
    admission,
    approvals,
    crd,
    gateway_objects,
    hints,
    keys,
    kinds,
    pod_policies,
    webhook_objects,
)
from kubepreview.core.own_objects import (
    PART_OF,
    RBAC,
    Process,
    account_ref,
    own_account,
    own_deployment,
    own_namespace,
    role_and_binding,
    rule,
    selector,
)
from kubepreview.core.wire import Object

DEFAULT_IMAGE: Final = f"ghcr.io/kubepreview/controller:v{__version__}"
PORT: Final = 8080
GITHUB_FOLDER: Final = "/var/run/secrets/kubepreview.dev/github"
REGISTRY_FOLDER: Final = "/var/run/secrets/kubepreview.dev/registry"

# Below the default of 0, so that anything else goes first; far above what the cluster reserves.
_PRIORITY: Final = -1000

_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("get", "list", "create", "patch", "update", "delete")


def objects(
    image: str = DEFAULT_IMAGE,
    *,
    replicas: int = 1,
    max_previews: int = 0,
    github_api: str = "",
    webhooks: bool = False,
) -> tuple[Object, ...]:
    """Everything, in the order of application; removed in the reverse."""
    return tuple(
        _labelled(obj)
        for obj in (
            own_namespace(keys.SYSTEM_NAMESPACE),
            own_namespace(keys.GATEWAY_NAMESPACE),
            *crd.custom_resource_definitions(),
            _priority_class(),
            *admission.admission_policies(image),
            *approvals.policy_and_binding(),
            _deployer_role(),
            _deployer_daemon_set_role(),
            _approver_role(),
            own_account(keys.CONTROLLER, keys.SYSTEM_NAMESPACE),
            _controller_role(),
            _controller_binding(),
            *_rights_at_home(),
            _metrics_service(),
            *gateway_objects.objects(image),
            *(webhook_objects.objects(image) if webhooks else ()),
            deployment(image, replicas, max_previews, github_api),
        )
    )


def without_mutation(everything: Sequence[Object]) -> tuple[Object, ...]:
    """What can be installed where the cluster does not serve MutatingAdmissionPolicies.

    Pods then keep what their authors wrote, start at once, and an emptyDir is limited by what its pod may use
    of the disk.
    A project must be `restricted` there: under `userns` a pod is refused that does not ask for its user
    namespace itself.
    """
    return tuple(
        obj
        for obj in everything
        if obj["kind"] not in admission.MUTATING_KINDS
        and obj["metadata"]["name"] not in (pod_policies.EMPTY_DIRS, pod_policies.ISOLATED)
    )


def _labelled(obj: Object) -> Object:
    labels = {**(obj["metadata"].get("labels") or {}), **PART_OF}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def _priority_class() -> Object:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": keys.PRIORITY_CLASS},
        "value": _PRIORITY,
        "preemptionPolicy": "Never",
        "globalDefault": False,
        "description": "Pods of previews: they wait for room and displace nothing.",
    }


def _deployer_role() -> Object:
    """What a preview's deployer may write: the allowed kinds, in the namespaces where it is bound."""
    groups: dict[str, list[str]] = {}
    for kind in kinds.ALLOWED.values():
        if kind is not kinds.DAEMON_SET:
            groups.setdefault(kind.group, []).append(kind.plural)
    rules = [rule(group, sorted(plurals), _WRITE) for group, plurals in sorted(groups.items())]
    # Beside a pod that is about to go, to see whether visitors are still connected (`core.lookout`).
    rules.append(rule("", ["pods/ephemeralcontainers"], ("patch",)))
    return _cluster_role(keys.DEPLOYER_ROLE, rules)


def _deployer_daemon_set_role() -> Object:
    kind = kinds.DAEMON_SET
    return _cluster_role(keys.DEPLOYER_DAEMON_SET_ROLE, [rule(kind.group, [kind.plural], _WRITE)])


def _approver_role() -> Object:
    """For people, who are bound to it by the platform team: to approve a commit of a fork."""
    previews = rule(keys.GROUP, ["previews"], ("get", "list", "watch", "patch", approvals.VERB))
    return _cluster_role(approvals.ROLE, [previews, rule(keys.GROUP, ["previewprojects"], ("get", "list"))])


def _controller_role() -> Object:
    """Nothing here writes a workload, reads a Secret, or grants more than the deployer's two Roles."""
    deployer_roles = [keys.DEPLOYER_ROLE, keys.DEPLOYER_DAEMON_SET_ROLE]
    guards = (*_READ, "create", "patch")
    return _cluster_role(
        keys.CONTROLLER,
        [
            rule(keys.GROUP, ["previews", "previewprojects"], _READ),
            # Patched when one has expired or its pull request is closed, and when somebody commands it by
            # a comment, which may be an approval.
            rule(keys.GROUP, ["previews"], ("patch", approvals.VERB)),
            rule(keys.GROUP, ["previews/status"], ("patch", "update")),
            rule("", ["namespaces"], (*_READ, "create", "patch", "delete")),
            rule("", ["resourcequotas", "limitranges", "serviceaccounts"], guards),
            rule("networking.k8s.io", ["networkpolicies"], guards),
            rule(RBAC, ["rolebindings"], guards),
            {**rule(RBAC, ["clusterroles"], ("bind",)), "resourceNames": deployer_roles},
            {**rule("", ["serviceaccounts"], ("impersonate",)), "resourceNames": [keys.DEPLOYER]},
            rule("networking.k8s.io", ["ingresses"], (*_READ, "create", "patch", "delete")),
            rule("", ["pods"], (*_READ, "delete")),
            rule("", ["pods/log"], ("get",)),
            rule("apps", ["deployments", "replicasets"], _READ),
            # Of stable deployments, which previews are compared with.
            rule("apps", ["statefulsets", "daemonsets"], ("list",)),
            rule("events.k8s.io", ["events"], ("get", "list", "create", "patch")),
        ],
    )


def _rights_at_home() -> tuple[Object, Object]:
    """To lead, beside others, and to put on record what the brakes hold."""
    rules = [
        rule("coordination.k8s.io", ["leases"], ("get", "create", "update", "patch")),
        rule("", ["configmaps"], ("create",)),
        {**rule("", ["configmaps"], ("get", "patch")), "resourceNames": [keys.BRAKE]},
        {**rule("", ["configmaps"], _READ), "resourceNames": [hints.CONFIG_MAP]},
    ]
    holder = account_ref(keys.CONTROLLER, keys.SYSTEM_NAMESPACE)
    return role_and_binding(keys.CONTROLLER, keys.SYSTEM_NAMESPACE, rules, holder)


def _cluster_role(name: str, rules: list[Object]) -> Object:
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def _controller_binding() -> Object:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": keys.CONTROLLER},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": keys.CONTROLLER},
        "subjects": [account_ref(keys.CONTROLLER, keys.SYSTEM_NAMESPACE)],
    }


def _metrics_service() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": keys.CONTROLLER,
            "namespace": keys.SYSTEM_NAMESPACE,
            "labels": selector(keys.CONTROLLER),
        },
        "spec": {
            "selector": selector(keys.CONTROLLER),
            "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
        },
    }


def deployment(image: str, replicas: int, max_previews: int, github_api: str) -> Object:
    """The controller. One replica acts at a time; more of them only shorten a failover."""
    chosen = {"--max-previews": max_previews, "--github-api": github_api}
    process = Process(
        name=keys.CONTROLLER,
        namespace=keys.SYSTEM_NAMESPACE,
        container="controller",
        args=("controller", *(f"{flag}={value}" for flag, value in chosen.items() if value)),
        ports={"http": PORT},
        health_port="http",
        memory=("96Mi", "256Mi"),
        secrets={keys.GITHUB_SECRET: GITHUB_FOLDER, keys.REGISTRY_SECRET: REGISTRY_FOLDER},
    )
    return own_deployment(process, image, replicas)
