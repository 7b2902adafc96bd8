"""What is asked of a running node at its start: objects put in, and proofs that it serves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from kubepreview.errors import Failed, NotReady, Unreachable
from kubepreview.localcluster.addons import Object
from kubepreview.localcluster.request import request

_POLL_S = 0.05
_FIELD_MANAGER = "kubepreview-cluster"
_PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "IngressClass": "ingressclasses",
    "Namespace": "namespaces",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
}
# The head of a DNS query: id 1, recursion desired, one question.
_DNS_HEAD = bytes.fromhex("0001 0100 0001 0000 0000 0000")
_DNS_TYPE_A_IN = bytes.fromhex("0001 0001")

Look = Callable[[], Awaitable[str]]


async def wait_until(look: Look, *, what: str, timeout_s: float) -> None:
    """Look again and again until the look says nothing; what it says is why it is not so yet."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    looks = 1
    while because := await look():
        if loop.time() > deadline:
            raise NotReady(f"{what}: not seen in {timeout_s:g} s ({looks} looks); last: {because}")
        await asyncio.sleep(_POLL_S)
        looks += 1


def trusting(authority: Path) -> ssl.SSLContext:
    """TLS that believes one authority and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    return context


def answers(url: str, tls: ssl.SSLContext | None = None) -> Look:
    """A look that is content when the address answers with success."""

    async def look() -> str:
        try:
            answer = await request(url, tls=tls, timeout_s=2)
        except Unreachable as error:
            return error.message
        return (
            "" if answer.ok else f"GET {url}: {answer.status} {answer.body[-300:].decode(errors='replace')}"
        )

    return look


def serves(url: str) -> Look:
    """A look that is content when the address answers at all."""

    async def look() -> str:
        try:
            await request(url, timeout_s=2)
        except Unreachable as error:
            return error.message
        return ""

    return look


def listens(socket: Path) -> Look:
    """A look that is content when a unix socket takes a connection."""

    async def look() -> str:
        try:
            _, writer = await asyncio.open_unix_connection(str(socket))
        except OSError as error:
            return f"{socket}: {error.strerror}"
        writer.close()
        return ""

    return look


def resolves(server: IPv4Address, name: str = "kubernetes.default.svc.cluster.local") -> Look:
    """A look that is content when the DNS server has an address for the name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = _DNS_HEAD + labels + b"\0" + _DNS_TYPE_A_IN

    async def look() -> str:
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        try:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Datagram(answered), remote_addr=(str(server), 53)
            )
        except OSError as error:
            return str(error)
        with contextlib.closing(transport):
            transport.sendto(query)
            try:
                async with asyncio.timeout(0.3):
                    answer = await answered
            except (TimeoutError, OSError) as error:
                return f"DNS at {server}: {error or 'no answer'}"
        code, records = answer[3] & 0x0F, int.from_bytes(answer[6:8])
        return "" if code == 0 and records else f"DNS at {server}: code {code}, {records} records"

    return look


class _Datagram(asyncio.DatagramProtocol):
    def __init__(self, answered: asyncio.Future[bytes]) -> None:
        self._answered = answered

    def datagram_received(self, data: bytes, _address: tuple[str | Any, int]) -> None:
        if not self._answered.done():
            self._answered.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self._answered.done():
            self._answered.set_exception(error)


def node_is_ready(server: str, tls: ssl.SSLContext, name: str, *, registered: bool = False) -> Look:
    """A look that is content when the Node object says Ready, or (registered) when it is there at all."""

    async def look() -> str:
        try:
            answer = await request(f"{server}/api/v1/nodes/{name}", tls=tls)
            if not answer.ok:
                return f"node {name}: {_message(answer.body)}"
            conditions = {} if registered else answer.json()["status"].get("conditions", [])
        except Unreachable as error:
            return error.message
        if registered:
            return ""
        ready = [condition for condition in conditions if condition["type"] == "Ready"]
        if ready and ready[0]["status"] == "True":
            return ""
        return f"node {name}: {ready[0]['message'] if ready else 'no condition Ready yet'}"

    return look


async def apply(server: str, tls: ssl.SSLContext, objects: Iterable[Object], timeout_s: float) -> None:
    """Server-side apply, one after the other; a server that has just started may need to be asked again."""
    for manifest in objects:
        await wait_until(
            _applied(server, tls, manifest), what=f"apply {_describe(manifest)}", timeout_s=timeout_s
        )


def _applied(server: str, tls: ssl.SSLContext, manifest: Object) -> Look:
    url = f"{server}{object_path(manifest)}?fieldManager={_FIELD_MANAGER}&force=true"
    body = json.dumps(manifest).encode()

    async def look() -> str:
        try:
            answer = await request(
                url, method="PATCH", body=body, content_type="application/apply-patch+yaml", tls=tls
            )
        except Unreachable as error:
            return error.message
        return "" if answer.ok else _message(answer.body)

    return look


def object_path(manifest: Object) -> str:
    """Where the apiserver keeps the object. The kinds are those of `addons`."""
    version, metadata = str(manifest["apiVersion"]), manifest["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    try:
        plural = _PLURALS[manifest["kind"]]
    except KeyError as error:
        raise Failed(f"no path is known for kind {error}") from error
    return f"{root}{namespace}/{plural}/{metadata['name']}"


def _describe(manifest: Object) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
