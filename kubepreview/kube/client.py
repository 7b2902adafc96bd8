"""The verbs of the Kubernetes API over plain mappings.

::

    async with Client(credentials) as client:
        namespace = await client.apply(wanted, manager="kubepreview")
        pods = await client.list(PODS, "rapidrar-pr-7", labels="app=web")
        gone = not await client.delete(NAMESPACES, "rapidrar-pr-7", uid=namespace["metadata"]["uid"])
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from copy import copy
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from kubepreview import __version__
from kubepreview.kube import bodies, discovery, errors, lines, paging
from kubepreview.kube.auth import wall_clock
from kubepreview.kube.clock import ClusterClock
from kubepreview.kube.credentials import Credentials, Impersonation
from kubepreview.kube.resources import PODS, WELL_KNOWN, Object, Resource
from kubepreview.kube.retry import Patience
from kubepreview.kube.session import Call, Session, View

_PATCH_TYPES: Mapping[str, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",  # JSON is YAML
}
# A log is for people; a container that floods must not fill our memory.
_LOG_BYTES = 1 << 20
# The kubelet ends a stream on which nothing was said for 4 hours; a quiet log is no fault before that.
_LOG_SILENCE_S = 4 * 3600.0
_NOT_FOUND = 404
_STRICT: Mapping[str, str] = {"fieldValidation": "Strict"}


class Client:
    """One apiserver, one identity. `impersonating` and `guarded_by` give views over the same connections."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        user_agent: str = f"kubepreview/{__version__}",
        patience: Patience = Patience(),  # noqa: B008 — frozen
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._session = Session(credentials, user_agent=user_agent, patience=patience, now=now)
        self._discovery = discovery.Discovery(self._session)
        self._view = View()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection, also those of all views."""
        await self._session.close()

    @property
    def credentials(self) -> Credentials:
        """What this client was made of."""
        return self._session.credentials

    @property
    def clock(self) -> ClusterClock:
        """The apiserver's time."""
        return self._session.clock

    def impersonating(self, user: str, groups: Sequence[str] = ()) -> Self:
        """The same connections, acting as somebody else.

        For a service account give no groups: the apiserver adds its own.
        """
        return self._viewed(replace(self._view, impersonate=Impersonation(user, tuple(groups))))

    def guarded_by(self, guard: Callable[[], None]) -> Self:
        """The same connections; `guard` is called right before each request is sent, and may raise."""
        return self._viewed(replace(self._view, guard=guard))

    async def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        """The object; ObjectNotFound if the apiserver says that it is not there."""
        return await self._call(Call(method="GET", path=resource.path(namespace, name)), resource)

    async def find(self, resource: Resource, name: str, namespace: str = "") -> Object | None:
        """The object, or None if the apiserver says that this very object is not there."""
        try:
            return await self.get(resource, name, namespace)
        except errors.ObjectNotFound as missing:
            if missing.is_about(resource.plural, name):
                return None
            raise

    async def list(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[Object]:
        """All objects of a namespace, or of the cluster, that fit the selectors; read in pages."""
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        path = resource.path(namespace)

        async def page(token: str) -> Object:
            params = {**selectors, **paging.page_params(token)}
            return await self._call(Call(method="GET", path=path, params=params), resource)

        # The items of a list carry neither kind nor version; ours do, as objects do everywhere else.
        typed = {"apiVersion": resource.api_version, "kind": resource.kind}
        return [{**typed, **item} for item in await paging.read_all(page)]

    async def create(self, resource: Resource, obj: Mapping[str, Any], namespace: str = "") -> Object:
        """Create it; AlreadyExists if it is there. Not sent again once the server may have seen it."""
        path = resource.path(namespace or bodies.namespace_of(obj))
        return await self._call(
            Call(method="POST", path=path, params=_STRICT, body=bodies.encode(obj)), resource
        )

    async def replace(self, resource: Resource, obj: Mapping[str, Any], *, subresource: str = "") -> Object:
        """Put the whole object; with a resourceVersion in it, WriteConflict if it has changed since."""
        path = resource.path(*bodies.placed(obj), subresource)
        return await self._call(
            Call(method="PUT", path=path, params=_STRICT, body=bodies.encode(obj)), resource
        )

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: object,
        namespace: str = "",
        *,
        kind: str = "merge",
        subresource: str = "",
    ) -> Object:
        """Patch it: `kind` is ``merge``, ``json`` (a list of operations) or ``strategic``."""
        call = Call(
            method="PATCH",
            path=resource.path(namespace, name, subresource),
            params=_STRICT,
            body=bodies.encode(patch),
            content_type=_PATCH_TYPES[kind],
            # A JSON patch may append; twice is not once.
            repeatable=kind != "json",
        )
        return await self._call(call, resource)

    async def apply(
        self,
        obj: Mapping[str, Any],
        *,
        manager: str,
        force: bool = True,
        subresource: str = "",
        dry_run: bool = False,
        resource: Resource | None = None,
    ) -> Object:
        """Server-side apply: make these fields so, and own them as `manager`.

        Without `force`, WriteConflict names the fields another manager owns. Unknown fields are Invalid.
        """
        where = resource or await self.resource_of(obj)
        call = Call(
            method="PATCH",
            path=where.path(*bodies.placed(obj), subresource),
            params={
                **_STRICT,
                "fieldManager": manager,
                "force": "true" if force else "",
                "dryRun": "All" if dry_run else "",
            },
            body=bodies.encode(obj),
            content_type=_PATCH_TYPES["apply"],
        )
        return await self._call(call, where)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        grace_s: int | None = None,
        propagation: str = "Background",
    ) -> bool:
        """Ask for its deletion; False if the server says it was already gone.

        It is also False when the answer was lost on the way, and the object was gone when asked again.
        With `uid`, only that very object: WriteConflict if a newer one bears the name.
        """
        options = bodies.delete_options(uid=uid, grace_s=grace_s, propagation=propagation)
        call = Call(method="DELETE", path=resource.path(namespace, name), body=bodies.encode(options))
        try:
            await self._call(call, resource)
        except errors.ObjectNotFound as missing:
            if missing.is_about(resource.plural, name):
                return False
            raise
        return True

    async def logs(
        self, namespace: str, pod: str, *, container: str = "", tail_lines: int = 200, previous: bool = False
    ) -> str:
        """The last lines of a container's log, at most 1 MiB; `previous` is the one that ended before."""
        params: dict[str, str | int] = {
            "container": container,
            "tailLines": tail_lines,
            "limitBytes": _LOG_BYTES,
            "previous": "true" if previous else "",
        }
        return await self.text(PODS.path(namespace, pod, "log"), params=params)

    async def follow_logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str = "",
        tail_lines: int | None = 200,
        since_s: int = 0,
        silence_s: float = _LOG_SILENCE_S,
    ) -> AsyncGenerator[str, None]:
        """The last lines of a container's log and then each new one, until the container ends.

        `since_s`: none that is older; `tail_lines` None: all of them. NoAnswer after `silence_s` without any.
        """
        params: dict[str, str | int] = {"container": container, "follow": "true"}
        if tail_lines is not None:
            params["tailLines"] = tail_lines
        if since_s:
            params["sinceSeconds"] = since_s
        call = Call(method="GET", path=PODS.path(namespace, pod, "log"), params=params)
        async with (
            self.stream(call, silence_s=silence_s) as chunks,
            aclosing(lines.split(chunks, with_rest=True)) as each,
        ):
            async for line in each:
                yield line.decode(errors="replace")

    async def raw(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, str | int] | None = None,
        repeatable: bool | None = None,
    ) -> Object:
        """Any request whose answer is a JSON object. A review may be posted twice: say `repeatable`."""
        encoded = b"" if body is None else bodies.encode(body)
        return await self._call(
            Call(method=method, path=path, params=params or {}, body=encoded, repeatable=repeatable)
        )

    async def text(self, path: str, *, params: Mapping[str, str | int] | None = None) -> str:
        """Any GET whose answer is text, such as /readyz."""
        answer = await self.read(Call(method="GET", path=path, params=params or {}))
        return answer.decode(errors="replace")

    async def read(self, call: Call, resource: Resource | None = None) -> bytes:
        """Any call; its answer as it is. KindNotServed if the server does not know the `resource`."""
        try:
            return await self._session.send(call, self._view)
        except (errors.NoAnswer, errors.ObjectNotFound) as error:
            if resource is None or not _is_about_the_path(error):
                raise
            if await self.discover(resource.api_version, resource.kind) is None:
                raise _not_served(resource.kind, resource.api_version, self.credentials.server) from error
            raise

    def stream(self, call: Call, *, silence_s: float) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The body of a call as it comes, on a connection of its own, outside the pool of calls."""
        return self._session.stream(call, self._view, silence_s=silence_s)

    async def discover(self, api_version: str, kind: str) -> Resource | None:
        """Where the server keeps this kind; None only if its own discovery positively lacks it."""
        return await self._discovery.find(api_version, kind)

    async def resource_of(self, obj: Mapping[str, Any]) -> Resource:
        """The resource of an object: a well-known one, or as discovered; KindNotServed if there is none."""
        api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
        if known := WELL_KNOWN.get((api_version, kind)):
            return known
        if found := await self.discover(api_version, kind):
            return found
        raise _not_served(kind, api_version, self.credentials.server)

    async def _call(self, call: Call, resource: Resource | None = None) -> Object:
        return bodies.decode(await self.read(call, resource), what=f"{call.method} {call.path}")

    def _viewed(self, view: View) -> Self:
        other = copy(self)
        other._view = view  # noqa: SLF001 — our own kind, not yet seen by anybody
        return other


def _is_about_the_path(error: errors.NoAnswer | errors.ObjectNotFound) -> bool:
    # For a group it does not know an apiserver has no Status, but the plain page of any web server.
    return error.is_about_the_path if isinstance(error, errors.ObjectNotFound) else error.code == _NOT_FOUND


def _not_served(kind: str, api_version: str, server: str) -> errors.KindNotServed:
    return errors.KindNotServed(
        f"{server} does not serve {kind or 'an object without a kind'} of {api_version or 'no apiVersion'}",
        hint="install its CustomResourceDefinition, or correct apiVersion and kind",
    )
