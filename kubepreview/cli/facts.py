"""What of a cluster decides defaults: its ingress, and whether pods can have user namespaces."""

from __future__ import annotations

from collections.abc import Sequence

from kubepreview.cli.caller import Caller
from kubepreview.cli.here import is_loopback, local_cluster
from kubepreview.core import admission
from kubepreview.core.ingress import IngressClass, address_of
from kubepreview.core.projects import Ingress, Seen
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.resources import INGRESS_CLASSES, NODES, PODS, SERVICES
from kubepreview.localcluster.configure import DEFAULT_INGRESS_PORT


async def look(caller: Caller, client: Client) -> Seen:
    """Read them. The caller must be able to: guessing is worse than being told what right is missing."""
    classes = [IngressClass.of(obj) for obj in await client.list(INGRESS_CLASSES)]
    return Seen(
        classes=tuple(classes),
        ingresses={each.name: await _ingress(client, each) for each in classes},
        user_namespaces=await why_no_user_namespaces(client),
        mutates=await serves_mutation(client),
        local_port=_local_port(caller, client.credentials.server),
    )


def _local_port(caller: Caller, server: str) -> int:
    running = local_cluster(caller, server)
    if running is not None:
        return running.ingress[1]
    return DEFAULT_INGRESS_PORT if is_loopback(server) else 0


async def why_no_user_namespaces(client: Client) -> str:
    """Why pods of this cluster cannot each have a user namespace; empty if every node says they can."""
    if not await serves_mutation(client):
        return f"the cluster does not serve MutatingAdmissionPolicy of {admission.API_VERSION}"
    return nodes_without_user_namespaces(await client.list(NODES))


def nodes_without_user_namespaces(nodes: Sequence[Object]) -> str:
    """Which nodes' container runtime does not report the feature; empty if all do."""
    lacking = [node["metadata"]["name"] for node in nodes if not _has_user_namespaces(node)]
    if not nodes:
        return "the cluster has no node"
    return f"no user namespaces on {', '.join(lacking[:5])}" if lacking else ""


async def serves_mutation(client: Client) -> bool:
    """Whether the cluster serves MutatingAdmissionPolicies in the version that is installed."""
    return await client.discover(admission.API_VERSION, "MutatingAdmissionPolicy") is not None


def _has_user_namespaces(node: Object) -> bool:
    # The kubelet reports what its runtime's default handler, the one without a name, can do.
    handlers = node.get("status", {}).get("runtimeHandlers") or ()
    return any(
        not handler.get("name") and (handler.get("features") or {}).get("userNamespaces")
        for handler in handlers
    )


async def _ingress(client: Client, each: IngressClass) -> Ingress:
    if each.controller is None:
        return Ingress()
    pods = await client.list(PODS, labels=each.controller.pods)
    namespaces = sorted({pod["metadata"]["namespace"] for pod in pods})
    if len(namespaces) != 1:
        return Ingress(namespaces=tuple(namespaces))
    services = await client.list(SERVICES, namespaces[0])
    return Ingress(namespaces=tuple(namespaces), address=address_of(pods, services))
