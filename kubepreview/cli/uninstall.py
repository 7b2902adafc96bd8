"""`uninstall`: take away what `install` put there, and say what is left.

The careful way round: as long as a preview's namespace is there, the controller and the policies that
guard it stay too. Previews are ended by the controller, with receipts, before it goes itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.installing import CANARY
from kubepreview.cli.output import as_yaml
from kubepreview.cli.stages import Stage, perform
from kubepreview.core import installation, keys
from kubepreview.core.conditions import ACCEPTED
from kubepreview.core.wire import Object
from kubepreview.errors import Refused
from kubepreview.kube.client import Client
from kubepreview.kube.errors import KindNotServed
from kubepreview.kube.resources import NAMESPACES, PODS, PREVIEW_PROJECTS, PREVIEWS, Resource
from kubepreview.kube.wait import NotYet, wait_until

_CRD = "CustomResourceDefinition"


@click.command()
@click.option(
    "--close-previews", is_flag=True, help="Close every open preview first, and wait until each is gone."
)
@click.option(
    "--keep-kinds", is_flag=True, help="Keep the two CustomResourceDefinitions, projects and receipts."
)
@click.option("--timeout", type=click.IntRange(1), default=300, show_default=True, help="Seconds to wait.")
@connection_options
@click.pass_obj
def uninstall(
    caller: Caller, /, connection: Connection, *, close_previews: bool, keep_kinds: bool, timeout: int
) -> None:
    """Remove kubepreview from a cluster, and say what is left.

    Refuses while previews are there. The PreviewProjects that go with their kind are printed on stdout,
    so that they can be applied again.
    """
    asyncio.run(_uninstall(caller, connection, close=close_previews, keep=keep_kinds, timeout_s=timeout))


async def _uninstall(
    caller: Caller, connection: Connection, *, close: bool, keep: bool, timeout_s: float
) -> None:
    async with connect(connection, caller) as client:
        await _refuse_or_close(caller, client, close=close, timeout_s=timeout_s)
        projects = await _list(client, PREVIEW_PROJECTS)
        records = await _list(client, PREVIEWS)
        if projects and not keep:
            caller.streams.data("\n---\n".join(as_yaml(_bare(obj)) for obj in projects))
        everything = installation.objects(webhooks=True)
        objects = [obj for obj in reversed(everything) if not (keep and obj["kind"] == _CRD)]
        removed: list[str] = []
        processes = [obj for obj in objects if obj["kind"] == "Deployment"]
        rest = [obj for obj in objects if obj["kind"] != "Deployment"]
        await perform(
            caller.streams,
            [
                Stage("controller and gateway", lambda: _end(client, processes, removed, timeout_s)),
                Stage("everything else", lambda: _remove(client, rest, removed, timeout_s)),
            ],
        )
    _tell(caller, removed, projects, records, keep=keep)


async def _refuse_or_close(caller: Caller, client: Client, *, close: bool, timeout_s: float) -> None:
    is_open = [obj for obj in await _list(client, PREVIEWS) if obj["spec"]["state"] == "Open"]
    if is_open and close:
        await perform(caller.streams, [Stage("close previews", lambda: _close(client, is_open, timeout_s))])
        is_open = []
    spaces = await _preview_spaces(client)
    if not is_open and not spaces:
        return
    there = [f"Preview {_where(obj)} is open" for obj in is_open]
    there += [f"Namespace {obj['metadata']['name']} of a preview is there" for obj in spaces]
    raise Refused(
        "\n  ".join(("nothing was removed: previews are still there, and would be left unguarded", *there)),
        hint="`kubepreview uninstall --close-previews` closes them all and waits for their receipts; "
        "a namespace without a Preview is yours to delete",
    )


async def _preview_spaces(client: Client) -> list[Object]:
    """The namespaces that look like a preview's; a canary that an install was killed beside is ended."""
    spaces = await client.list(NAMESPACES, labels=f"{keys.MANAGED}=true")
    canaries = [obj for obj in spaces if obj["metadata"]["name"] == CANARY]
    for _ in canaries:
        await client.delete(NAMESPACES, CANARY)
    return [obj for obj in spaces if obj not in canaries]


async def _close(client: Client, previews: Sequence[Object], timeout_s: float) -> str:
    for obj in previews:
        metadata = obj["metadata"]
        await client.patch(PREVIEWS, metadata["name"], {"spec": {"state": "Closed"}}, metadata["namespace"])

    async def look() -> bool:
        left = [_where(obj) for obj in await client.list(PREVIEWS) if not _is_gone(obj)]
        if left:
            raise NotYet(f"the controller has not closed {', '.join(left)}")
        return True

    await wait_until(look, what="every preview closed and seen gone", timeout_s=timeout_s)
    return f"{len(previews)} closed, and seen gone"


def _is_gone(preview: Object) -> bool:
    """Whether the controller, having read this very spec, says that nothing of it is left."""
    status = preview.get("status") or {}
    said = {each["type"]: each["reason"] for each in status.get("conditions") or ()}
    return bool(
        status.get("observedGeneration") == preview["metadata"]["generation"]
        and said.get(ACCEPTED) == "Closed"
    )


async def _end(client: Client, processes: Sequence[Object], removed: list[str], timeout_s: float) -> str:
    """Until its last pod is gone, each might still act on what is removed next."""
    await _remove(client, processes, removed, timeout_s)

    async def look() -> bool:
        left = [
            pod["metadata"]["name"]
            for obj in processes
            for pod in await client.list(
                PODS,
                obj["metadata"]["namespace"],
                labels=f"app.kubernetes.io/name={obj['metadata']['name']}",
            )
        ]
        if left:
            raise NotYet(f"{', '.join(left)} are there")
        return True

    await wait_until(look, what="the pods of both gone", timeout_s=timeout_s)
    return "gone"


async def _remove(client: Client, objects: Sequence[Object], removed: list[str], timeout_s: float) -> str:
    """Delete in order, each seen gone before the next: what guards others goes after what it guards."""
    count = 0
    for obj in objects:
        resource = await _resource(client, obj)
        name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace", "")
        if resource is None or not await client.delete(resource, name, namespace, propagation="Foreground"):
            continue
        await _wait_until_gone(client, resource, name, namespace, timeout_s)
        removed.append(f"{obj['kind']} {name}")
        count += 1
    return f"{count} objects"


async def _wait_until_gone(
    client: Client, resource: Resource, name: str, namespace: str, timeout_s: float
) -> None:
    async def look() -> bool:
        found = await client.find(resource, name, namespace)
        if found is not None:
            finalizers = ", ".join(found["metadata"].get("finalizers") or ()) or "none"
            raise NotYet(f"it is there; its finalizers: {finalizers}")
        return True

    await wait_until(look, what=f"{resource.kind} {name} gone", timeout_s=timeout_s)


async def _resource(client: Client, obj: Object) -> Resource | None:
    """Where the object is kept; None where the cluster does not serve the kind at all."""
    return await client.discover(obj["apiVersion"], obj["kind"])


async def _list(client: Client, resource: Resource) -> list[Object]:
    try:
        return await client.list(resource)
    except KindNotServed:
        return []


def _bare(obj: Object) -> Object:
    """The object without what the apiserver wrote into it."""
    name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata, "spec": obj["spec"]}


def _tell(
    caller: Caller,
    removed: Sequence[str],
    projects: Sequence[Object],
    records: Sequence[Object],
    *,
    keep: bool,
) -> None:
    talk = caller.streams.talk
    talk(f"✓ removed {len(removed)} objects" if removed else "there was nothing to remove")
    for line in removed:
        talk(f"  {line}")
    spaces = sorted({obj["metadata"]["namespace"] for obj in projects})
    if keep and (projects or records):
        talk(f"kept: {len(projects)} PreviewProjects and {len(records)} Previews, with their kinds")
    elif projects or records:
        talk(
            f"gone with their kinds: {len(projects)} PreviewProjects (printed above), {len(records)} receipts"
        )
    if spaces:
        talk(f"left: the control namespaces {', '.join(spaces)}, each with its CI's account and Role;")
        talk(f"  `kubectl delete namespace {' '.join(spaces)}` removes them, and ends their CI's access")


def _where(obj: Object) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
