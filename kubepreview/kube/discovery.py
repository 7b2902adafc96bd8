"""Which kinds the server serves, asked of the server and remembered."""

from __future__ import annotations

from kubepreview.kube import bodies, errors
from kubepreview.kube.resources import Object, Resource
from kubepreview.kube.session import Call, Session, View

_NOT_FOUND = 404


class Discovery:
    """What was found stays found; what was not is asked for again, since a CRD may come any time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[tuple[str, str], Resource] = {}

    async def find(self, api_version: str, kind: str) -> Resource | None:
        """The resource; None only if the server's own list of groups, versions or kinds lacks it."""
        if (api_version, kind) not in self._known:
            for resource in await self._ask(api_version):
                self._known[api_version, resource.kind] = resource
        return self._known.get((api_version, kind))

    async def _ask(self, api_version: str) -> list[Resource]:
        group, _, version = api_version.rpartition("/")
        if not version or "/" in group:
            return []  # no such thing can be served
        try:
            listed = await self._get(f"/apis/{group}/{version}" if group else f"/api/{version}")
        except (errors.ObjectNotFound, errors.NoAnswer) as error:
            if error.code != _NOT_FOUND or await self._lists(group, version):
                raise
            return []
        return [
            Resource(group, version, entry["name"], entry["kind"], namespaced=bool(entry.get("namespaced")))
            for entry in listed.get("resources") or ()
            if "/" not in entry["name"]
        ]

    async def _lists(self, group: str, version: str) -> bool:
        """True unless the server's list of versions, read now, lacks this one: a bare 404 proves nothing."""
        if not group:
            return version in ((await self._get("/api")).get("versions") or ())
        groups = (await self._get("/apis")).get("groups") or ()
        served = {known["groupVersion"] for entry in groups for known in entry.get("versions") or ()}
        return f"{group}/{version}" in served

    async def _get(self, path: str) -> Object:
        # Discovery is open to every authenticated user, so nobody is impersonated for it.
        body = await self._session.send(Call(method="GET", path=path), View())
        return bodies.decode(body, what=f"GET {path}")
