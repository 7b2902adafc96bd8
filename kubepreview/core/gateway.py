"""How controller and gateway speak of a sleeping preview: through an Ingress and a Lease of the gateway's.

The controller writes the Ingress, which leads the preview's host to the gateway and carries what the gateway
must know; the gateway has no right to change it. The gateway writes the Lease, and nothing else: a new
`renewTime` there is a visitor. The controller deletes both once the preview has a route of its own again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from kubepreview.core import keys
from kubepreview.core.wire import Object, Wire

State = Literal["Asleep", "Waking", "Awake", "Failed"]
# Where visitors are led to, and where the kubelet asks.
PORT: Final = 8080
HEALTH_PORT: Final = 8081
# On every answer that the gateway itself gives, with the state; what a preview answers has none.
STATE_HEADER: Final = "kubepreview-state"


class Sleeper(Wire, frozen=True, kw_only=True):
    """One preview that the gateway answers for.

    `name`: of the Ingress and of the Lease. `endpoints`: ``address:port`` of the pods that answer, once the
    state is Awake. `message`: why it failed, for people. `passive_agents`: words of user agents that neither
    wake it nor keep it awake, beside those that everybody knows.
    """

    name: str
    host: str
    state: State = "Asleep"
    endpoints: tuple[str, ...] = ()
    message: str = ""
    passive_agents: tuple[str, ...] = ()


def sleeper_of(annotations: Mapping[str, str]) -> Sleeper | None:
    """What an Ingress of the gateway's namespace tells; None for one that is not ours, or cannot be read."""
    try:
        return msgspec.json.decode(annotations.get(keys.SLEEPER, ""), type=Sleeper)
    except msgspec.MsgspecError:
        return None


def ingress(sleeper: Sleeper, ingress_class_name: str, labels: Mapping[str, str]) -> Object:
    """The Ingress that leads the host to the gateway."""
    backend = {"service": {"name": keys.GATEWAY, "port": {"number": PORT}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": sleeper.name,
            "namespace": keys.GATEWAY_NAMESPACE,
            "labels": dict(labels),
            "annotations": {keys.SLEEPER: msgspec.json.encode(sleeper).decode()},
        },
        "spec": {
            "ingressClassName": ingress_class_name,
            "rules": [{"host": sleeper.host, "http": {"paths": paths}}],
        },
    }


def lease(sleeper: Sleeper, labels: Mapping[str, str]) -> Object:
    """The Lease in which the gateway tells of visits; this writes none of it, so that none is undone."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": sleeper.name, "namespace": keys.GATEWAY_NAMESPACE, "labels": dict(labels)},
    }


def knock(identity: str, at: str) -> Object:
    """The gateway's merge patch of the Lease: somebody came at that time (RFC 3339 with microseconds)."""
    return {"spec": {"holderIdentity": identity, "renewTime": at}}
