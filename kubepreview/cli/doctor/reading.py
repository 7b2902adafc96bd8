"""What can be read from the apiserver."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from kubepreview.cli import brake, facts
from kubepreview.core import diagnosis, installation, keys
from kubepreview.core.diagnosis import Finding, Project
from kubepreview.core.ingress import IngressClass
from kubepreview.core.project_spec import PreviewProject
from kubepreview.core.wire import Object
from kubepreview.errors import Unreachable
from kubepreview.kube.client import Client
from kubepreview.kube.errors import ApiError, Forbidden, KindNotServed
from kubepreview.kube.resources import DEPLOYMENTS, INGRESS_CLASSES, NODES, PREVIEW_PROJECTS

# As many are asked at most.
_NODES: Final = 20
_RBAC: Final = "rbac.authorization.k8s.io"
# What an operator does, and the one right that tells best whether it is allowed: verb, group, resource.
_RIGHTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "create namespaces": ("create", "", "namespaces"),
    "write CustomResourceDefinitions (install)": (
        "patch",
        "apiextensions.k8s.io",
        "customresourcedefinitions",
    ),
    "write admission policies (install)": (
        "patch",
        "admissionregistration.k8s.io",
        "validatingadmissionpolicies",
    ),
    "bind roles (install, project create)": ("bind", _RBAC, "clusterroles"),
    "write projects (project create)": ("patch", keys.GROUP, "previewprojects"),
    "issue tokens (project ci-kubeconfig)": ("create", "", "serviceaccounts/token"),
    "start pods (doctor)": ("create", "", "pods"),
    "read logs": ("get", "", "pods/log"),
}


async def version(client: Client) -> Finding:
    """The version that the server tells."""
    told = await client.raw("GET", "/version")
    return diagnosis.version(str(told.get("gitVersion", "")), mutates=await facts.serves_mutation(client))


async def projects(client: Client) -> Sequence[Project]:
    """The projects of the cluster; none where their kind is not served, or may not be read."""
    try:
        found = await client.list(PREVIEW_PROJECTS)
    except (KindNotServed, Forbidden):
        return ()
    typed = [msgspec.convert(obj, PreviewProject) for obj in found]
    return tuple(Project(name=each.metadata.name, spec=each.spec) for each in typed)


async def controller_image(client: Client) -> str:
    """The image that the controller runs; empty where there is none, or it may not be read."""
    deployment = await _controller(client)
    if deployment is None:
        return ""
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


async def installed(client: Client) -> Sequence[Finding]:
    """Each object of the installation, by name."""
    mutates = await facts.serves_mutation(client)
    objects = installation.objects()
    wanted = objects if mutates else installation.without_mutation(objects)
    there = await asyncio.gather(*(_is_there(client, obj) for obj in wanted))
    missing = [_named(obj) for obj, is_there in zip(wanted, there, strict=True) if not is_there]
    gateway = await client.find(DEPLOYMENTS, keys.GATEWAY, keys.GATEWAY_NAMESPACE)
    return tuple(diagnosis.installed(missing, {"controller": await _controller(client), "gateway": gateway}))


async def brakes(client: Client) -> Sequence[Finding]:
    """What they hold."""
    return (diagnosis.brakes(await brake.recorded(client)),)


async def rights(client: Client) -> Sequence[Finding]:
    """What the apiserver says the caller may do, in all namespaces."""
    answers = await asyncio.gather(*(_may(client, *right) for right in _RIGHTS.values()))
    return (diagnosis.rights(dict(zip(_RIGHTS, answers, strict=True))),)


async def ingress(client: Client, known: Sequence[Project]) -> Sequence[Finding]:
    """The classes."""
    classes = [IngressClass.of(obj) for obj in await client.list(INGRESS_CLASSES)]
    return tuple(diagnosis.ingress(classes, known))


async def user_namespaces(client: Client, known: Sequence[Project]) -> Sequence[Finding]:
    """What the nodes report of their container runtimes."""
    trouble = facts.nodes_without_user_namespaces(await client.list(NODES))
    return (diagnosis.user_namespaces(trouble, known),)


async def kubelets(client: Client) -> Sequence[Finding]:
    """What the kubelets say of themselves; of a large cluster, some of them."""
    nodes = [node["metadata"]["name"] for node in await client.list(NODES)][:_NODES]
    told = dict(
        zip(nodes, await asyncio.gather(*(_configuration(client, each) for each in nodes)), strict=True)
    )
    read = {node: each for node, each in told.items() if each is not None}
    return (diagnosis.kubelets(read, [node for node in nodes if node not in read]),)


async def _configuration(client: Client, node: str) -> Object | None:
    try:
        answer = await client.raw("GET", NODES.path("", node, "proxy/configz"))
    except (ApiError, Unreachable):
        return None
    configuration: Object = answer["kubeletconfig"]
    return configuration


async def _controller(client: Client) -> Object | None:
    try:
        return await client.find(DEPLOYMENTS, keys.CONTROLLER, keys.SYSTEM_NAMESPACE)
    except Forbidden:
        return None


async def _is_there(client: Client, obj: Object) -> bool:
    try:
        resource = await client.resource_of(obj)
    except KindNotServed:
        return False
    metadata = obj["metadata"]
    return await client.find(resource, metadata["name"], metadata.get("namespace", "")) is not None


async def _may(client: Client, verb: str, group: str, resource: str) -> bool:
    name, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": name, "subresource": subresource}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = await client.raw("POST", path, body=body, repeatable=True)
    return bool(answer["status"]["allowed"])


def _named(obj: Object) -> str:
    return f"{obj['kind']} {obj['metadata']['name']}"
