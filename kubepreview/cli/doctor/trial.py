"""What only trying shows: two pods and a policy between them, and a pod in a user namespace.

Everything is in one namespace of its own, which is deleted whatever happens; one that a killed run left
behind is deleted by the next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from kubepreview.core import diagnosis
from kubepreview.core.diagnosis import Finding, Project
from kubepreview.core.wire import Object
from kubepreview.errors import KubepreviewError, NotReady
from kubepreview.kube.client import Client
from kubepreview.kube.errors import ApiError
from kubepreview.kube.resources import NAMESPACES, PODS, SERVICE_ACCOUNTS
from kubepreview.kube.wait import NotYet, wait_until

_MANAGER: Final = "kubepreview-doctor"
_LABELS: Final = {
    "app.kubernetes.io/name": "kubepreview-doctor",
    "pod-security.kubernetes.io/enforce": "restricted",
}
# Longer than any run of ours; a namespace this old belongs to nobody.
_ABANDONED: Final = dt.timedelta(minutes=15)
_PORT: Final = 8080
_ROLE, _SERVER_NAME = "kubepreview.dev/role", "server"
_OPEN, _CLOSED = "open", "closed"
# As many tries in a row, each on a connection of its own, count as an answer.
_IN_A_ROW: Final = 3
_ENFORCED_S: Final = 20.0
_SERVER: Final = f"""\
import http.server
http.server.test(http.server.SimpleHTTPRequestHandler, port={_PORT})
"""
_CLIENT: Final = f"""\
import socket, sys, time
while True:
    try:
        socket.create_connection((sys.argv[1], {_PORT}), 1).close()
        print("{_OPEN}", flush=True)
    except OSError as error:
        print("{_CLOSED}", error, flush=True)
    time.sleep(0.3)
"""
_USERS: Final = "print(open('/proc/self/uid_map').read(), flush=True)"


class Probe(Struct, frozen=True, kw_only=True):
    """The image that the pods run, how long they may take, and the projects that it matters to."""

    image: str
    now: dt.datetime
    timeout_s: float
    projects: Sequence[Project] = ()


async def try_pods(client: Client, probe: Probe) -> Sequence[Finding]:
    """Try, and clear up."""
    if not probe.image:
        cure = "install first, or name an image with python3: --probe-image"
        seen = "not tried: no image for the pods"
        return [Finding(name="network policies", verdict="unknown", seen=seen, cure=cure)]
    await _delete_abandoned(client, probe.now)
    metadata = {"generateName": "kubepreview-doctor-", "labels": _LABELS}
    created = await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    space = str(created["metadata"]["name"])
    try:
        await _has_account(client, space, probe.timeout_s)
        users = await _try_users(client, space, probe)
        return [users, *await _try_network(client, space, probe)]
    finally:
        await client.delete(NAMESPACES, space)


async def _delete_abandoned(client: Client, now: dt.datetime) -> None:
    labels = f"app.kubernetes.io/name={_LABELS['app.kubernetes.io/name']}"
    for namespace in await client.list(NAMESPACES, labels=labels):
        born = dt.datetime.fromisoformat(namespace["metadata"]["creationTimestamp"])
        if now - born > _ABANDONED:
            await client.delete(NAMESPACES, namespace["metadata"]["name"])


async def _has_account(client: Client, space: str, timeout_s: float) -> None:
    """A namespace has no account `default` for its first moment, and no pod can start before."""

    async def look() -> Object | None:
        return await client.find(SERVICE_ACCOUNTS, "default", space)

    await wait_until(look, what=f"ServiceAccount {space}/default", timeout_s=timeout_s)


async def _try_users(client: Client, space: str, probe: Probe) -> Finding:
    pod = _pod("users", space, probe.image, [_USERS], hostUsers=False, restartPolicy="Never")
    await client.apply(pod, manager=_MANAGER)
    try:
        await _until(client, pod, "Succeeded", probe.timeout_s)
        return diagnosis.uid_map(await client.logs(space, "users"))
    except KubepreviewError as error:
        cure = "set podProfile to restricted where pods cannot have user namespaces"
        return Finding(name="a pod's own users", verdict="unknown", seen=error.message, cure=cure)


async def _try_network(client: Client, space: str, probe: Probe) -> Sequence[Finding]:
    server = _pod(_SERVER_NAME, space, probe.image, [_SERVER])
    await client.apply(server, manager=_MANAGER)
    address = (await _until(client, server, "Running", probe.timeout_s))["status"]["podIP"]
    caller = _pod("client", space, probe.image, [_CLIENT, address])
    await client.apply(caller, manager=_MANAGER)
    await _until(client, caller, "Running", probe.timeout_s)
    try:
        await _until_said(client, caller, _OPEN, probe.timeout_s)
    except NotReady as error:
        return [diagnosis.network(opened_before=False, closed_after=False, said=error.message)]
    await client.apply(_deny_callers(space), manager=_MANAGER)
    try:
        await _until_said(client, caller, _CLOSED, _ENFORCED_S)
    except NotReady as error:
        return [diagnosis.network(opened_before=True, closed_after=False, said=error.message)]
    held = diagnosis.network(opened_before=True, closed_after=True, said="")
    return [held, await _try_start(client, _pod("late", space, probe.image, [_CLIENT, address]), probe)]


async def _try_start(client: Client, caller: Object, probe: Probe) -> Finding:
    """What a pod hears that begins when the policy is there already."""
    await client.apply(caller, manager=_MANAGER)
    await _until(client, caller, "Running", probe.timeout_s)
    await _until_said(client, caller, _CLOSED, _ENFORCED_S)
    metadata = caller["metadata"]
    told = await client.logs(metadata["namespace"], metadata["name"])
    return diagnosis.network_start([line.startswith(_OPEN) for line in told.splitlines()], probe.projects)


async def _until(client: Client, pod: Object, phase: str, timeout_s: float) -> Object:
    """Wait for the phase; what keeps the pod from it is the account."""
    name, space = pod["metadata"]["name"], pod["metadata"]["namespace"]

    async def look() -> Object:
        found = await client.get(PODS, name, space)
        status = found.get("status", {})
        if status.get("phase") == phase and (phase != "Running" or status.get("podIP")):
            return found
        raise NotYet(f"it is {status.get('phase', 'not told')}{_waiting(status)}")

    return await wait_until(look, what=f"pod {space}/{name} {phase}", timeout_s=timeout_s)


def _waiting(status: Object) -> str:
    words = [
        f"{waiting.get('reason')}: {waiting.get('message', '')}"
        for container in status.get("containerStatuses") or ()
        if (waiting := container["state"].get("waiting"))
    ]
    words += [
        str(condition.get("message", ""))
        for condition in status.get("conditions") or ()
        if condition["type"] == "PodScheduled" and condition["status"] != "True"
    ]
    return f" ({'; '.join(words)})" if words else ""


async def _until_said(client: Client, caller: Object, word: str, timeout_s: float) -> None:
    """Wait until this pod's last tries all ended this way."""
    space, name = caller["metadata"]["namespace"], caller["metadata"]["name"]

    async def look() -> bool:
        try:
            told = await client.logs(space, name, tail_lines=_IN_A_ROW)
        except ApiError as error:
            raise NotYet(error.message) from error
        lines = told.splitlines()
        if len(lines) == _IN_A_ROW and all(line.startswith(word) for line in lines):
            return True
        raise NotYet(f"the last tries: {', '.join(lines) or 'none yet'}")

    await wait_until(look, what=f"connections between two pods {word}", timeout_s=timeout_s)


def _deny_callers(space: str) -> Object:
    """Nothing holds the server: it is for the caller's own policy to hold the caller back."""
    callers = {"matchExpressions": [{"key": _ROLE, "operator": "NotIn", "values": [_SERVER_NAME]}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny-callers", "namespace": space},
        "spec": {"podSelector": callers, "policyTypes": ["Ingress", "Egress"]},
    }


def _pod(name: str, space: str, image: str, arguments: Sequence[str], **spec: Any) -> Object:
    """A pod that meets Pod Security `restricted`, ends at once, and has no token."""
    container = {
        "name": "main",
        "image": image,
        "command": ["python3", "-u", "-c"],
        "args": list(arguments),
        # Nothing of the image but its Python is wanted.
        "workingDir": "/tmp",  # noqa: S108 - in the container
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "500m", "memory": "64Mi"},
        },
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": space, "labels": {_ROLE: name}},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            **spec,
        },
    }
