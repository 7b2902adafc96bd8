"""What hears GitHub's webhooks, as objects; installed where somebody wants it.

Anybody may come to it. Whoever took it over could make the controller look at pull requests, and no more.
"""

from __future__ import annotations

from typing import Final

from kubepreview.core import hints, keys
from kubepreview.core.own_objects import (
    RBAC,
    Process,
    account_ref,
    own_account,
    own_deployment,
    role_and_binding,
    rule,
    selector,
)
from kubepreview.core.wire import Object

PORT: Final = 8080
HEALTH_PORT: Final = 8081
SECRET: Final = "kubepreview-webhook"  # noqa: S105 — its name
SECRET_FILE: Final = "/var/run/secrets/kubepreview.dev/webhook/secret"  # noqa: S105 — its path


def objects(image: str) -> tuple[Object, ...]:
    """Everything of it, in the order of application."""
    space = keys.SYSTEM_NAMESPACE
    account = account_ref(keys.WEBHOOK, space)
    hints_only = {**rule("", ["configmaps"], ("get", "patch")), "resourceNames": [hints.CONFIG_MAP]}
    return (
        hints.config_map({}),
        own_account(keys.WEBHOOK, space),
        *role_and_binding(keys.WEBHOOK, space, [hints_only], account),
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": keys.WEBHOOK},
            "rules": [rule(keys.GROUP, ["previewprojects"], ("get", "list", "watch"))],
        },
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": keys.WEBHOOK},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": keys.WEBHOOK},
            "subjects": [account],
        },
        _service(),
        _deployment(image),
    )


def _service() -> Object:
    metadata = {"name": keys.WEBHOOK, "namespace": keys.SYSTEM_NAMESPACE, "labels": selector(keys.WEBHOOK)}
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": selector(keys.WEBHOOK), "ports": ports},
    }


def _deployment(image: str) -> Object:
    process = Process(
        name=keys.WEBHOOK,
        namespace=keys.SYSTEM_NAMESPACE,
        container="webhook",
        args=("webhook",),
        ports={"http": PORT, "health": HEALTH_PORT},
        health_port="health",
        memory=("64Mi", "128Mi"),
        secrets={SECRET: SECRET_FILE.rpartition("/")[0]},
    )
    return own_deployment(process, image, replicas=1)
