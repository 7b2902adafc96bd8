"""What answers for sleeping previews, as objects: in a namespace of its own, with almost no rights.

Anonymous visitors come to it. Whoever took it over could lead the hosts of sleeping previews astray, and say
that somebody visits them; he could read and change nothing else in the cluster.
"""

from __future__ import annotations

from typing import Final

from kubepreview.core import gateway, keys
from kubepreview.core.own_objects import (
    Process,
    account_ref,
    own_account,
    own_deployment,
    role_and_binding,
    rule,
    selector,
)
from kubepreview.core.wire import Object

# Of the controller, beside the gateway's own.
_WRITERS: Final = "kubepreview-gates"


def objects(image: str) -> tuple[Object, ...]:
    """Everything of the gateway but its namespace, in the order of application."""
    space = keys.GATEWAY_NAMESPACE
    leases, ingresses = "coordination.k8s.io", "networking.k8s.io"
    of_gateway = [
        rule(ingresses, ["ingresses"], ("list", "watch")),
        rule(leases, ["leases"], ("patch",)),
    ]
    # Its Ingresses are covered by the rights to write the routes of previews.
    of_controller = [rule(leases, ["leases"], ("get", "list", "watch", "create", "patch", "delete"))]
    return (
        own_account(keys.GATEWAY, space),
        *role_and_binding(keys.GATEWAY, space, of_gateway, account_ref(keys.GATEWAY, space)),
        *role_and_binding(
            _WRITERS, space, of_controller, account_ref(keys.CONTROLLER, keys.SYSTEM_NAMESPACE)
        ),
        _service(),
        _deployment(image),
    )


def _service() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": keys.GATEWAY,
            "namespace": keys.GATEWAY_NAMESPACE,
            "labels": selector(keys.GATEWAY),
        },
        "spec": {
            "selector": selector(keys.GATEWAY),
            "ports": [{"name": "http", "port": gateway.PORT, "targetPort": "http"}],
        },
    }


def _deployment(image: str) -> Object:
    process = Process(
        name=keys.GATEWAY,
        namespace=keys.GATEWAY_NAMESPACE,
        container="gateway",
        args=("gateway",),
        ports={"http": gateway.PORT, "health": gateway.HEALTH_PORT},
        health_port="health",
        memory=("64Mi", "256Mi"),
        # To be left by everybody takes it 25 s.
        grace_s=40,
    )
    return own_deployment(process, image, replicas=1)
