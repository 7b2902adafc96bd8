"""What is watched, and which preview each change is about. A change only ever names a key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from kubepreview.controller.queue import WorkQueue
from kubepreview.core import hints, keys
from kubepreview.core.model import Paths, PullRequest, Slot
from kubepreview.core.project_spec import PullRequestRules
from kubepreview.core.status import Said
from kubepreview.kube.client import Client
from kubepreview.kube.resources import (
    CONFIGMAPS,
    DEPLOYMENTS,
    INGRESSES,
    LEASES,
    LIMIT_RANGES,
    NAMESPACES,
    NETWORK_POLICIES,
    PODS,
    PREVIEW_PROJECTS,
    PREVIEWS,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
    SERVICE_ACCOUNTS,
    Resource,
)
from kubepreview.kube.store import Key
from kubepreview.kube.watch import Reflector

# Of all that previews consist of: what changes by itself, and what guards them, so that they may rest.
_PARTS = (
    *(NAMESPACES, PODS, DEPLOYMENTS, INGRESSES),
    *(RESOURCE_QUOTAS, LIMIT_RANGES, NETWORK_POLICIES, SERVICE_ACCOUNTS, ROLE_BINDINGS),
)


class _Labelled(msgspec.Struct, frozen=True):
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    uid: str = ""
    generation: int = 0


class Known(msgspec.Struct, frozen=True):
    """All that is kept of an object: whose it is. Fifty previews of half a MiB each cost nothing."""

    metadata: _Labelled

    @property
    def preview(self) -> Key | None:
        """The preview it belongs to, if its labels say so."""
        labels = self.metadata.labels
        if keys.PROJECT in labels and keys.PREVIEW in labels:
            return labels[keys.PROJECT], labels[keys.PREVIEW]
        return None


class _Port(msgspec.Struct, frozen=True):
    name: str = ""
    number: int = 0


class _Service(msgspec.Struct, frozen=True):
    name: str = ""
    port: _Port = msgspec.field(default_factory=_Port)


class _Backend(msgspec.Struct, frozen=True):
    service: _Service = msgspec.field(default_factory=_Service)


class _Path(msgspec.Struct, frozen=True):
    backend: _Backend = msgspec.field(default_factory=_Backend)


class _Paths(msgspec.Struct, frozen=True):
    paths: list[_Path] = msgspec.field(default_factory=list)


class _Rule(msgspec.Struct, frozen=True):
    host: str = ""
    http: _Paths = msgspec.field(default_factory=_Paths)


class _Rules(msgspec.Struct, frozen=True):
    rules: list[_Rule] = msgspec.field(default_factory=list)


class KnownIngress(Known, frozen=True):
    """An Ingress, the host that it leads from, and the Service that it leads to."""

    spec: _Rules = msgspec.field(default_factory=_Rules)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """How visitors come to an awake preview: from which host, to which port (name or number) of a Service."""

    preview: Key
    host: str
    space: str
    service: str
    port: str


class _Route(msgspec.Struct, frozen=True, rename="camel"):
    ingress_namespace: str = ""


class _Decided(msgspec.Struct, frozen=True, rename="camel"):
    route: _Route = msgspec.field(default_factory=_Route)
    passive_agents: tuple[str, ...] = ()
    repository: str = ""
    artifacts: str = ""
    feedback: tuple[str, ...] = ("Comment",)
    pull_requests: PullRequestRules = PullRequestRules()


class _Revision(msgspec.Struct, frozen=True, rename="camel"):
    sha: str = ""
    observed_at: dt.datetime = dt.datetime.min.replace(tzinfo=dt.UTC)


class _Asked(msgspec.Struct, frozen=True, rename="camel"):
    project: str = ""
    state: str = "Open"
    state_reason: str = "Requested"
    artifact: str = ""
    pull_request: PullRequest = PullRequest(number=0)
    revision: _Revision = msgspec.field(default_factory=_Revision)


class _Slept(msgspec.Struct, frozen=True):
    asleep: bool = False


class _Condition(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    status: str
    reason: str
    message: str = ""
    last_transition_time: str = ""


class _Told(msgspec.Struct, frozen=True, rename="camel"):
    slot: Slot | None = None
    failure: Any = None
    applied_sha: str = ""
    sleep: _Slept | None = None
    conditions: tuple[_Condition, ...] = ()
    paths: Paths | None = None


class KnownPreview(Known, frozen=True):
    """A preview, and what of it decides who has a slot."""

    spec: _Asked = msgspec.field(default_factory=_Asked)
    status: _Told = msgspec.field(default_factory=_Told)

    @property
    def is_open(self) -> bool:
        """Whether it is asked for."""
        return self.spec.state == "Open"

    @property
    def author(self) -> str:
        """Of the pull request."""
        return self.spec.pull_request.author

    def condition(self, kind: str) -> _Condition | None:
        """What its status says of this; None for nothing."""
        return next((each for each in self.status.conditions if each.type == kind), None)

    def says(self, said: Said) -> bool:
        """Whether its status says exactly this already."""
        before = self.condition(said.type)
        return before is not None and (before.status, before.reason, before.message) == (
            said.status,
            said.reason,
            said.message,
        )

    @property
    def holds_slot(self) -> bool:
        """As it is on record; one that had pods before there were slots keeps them."""
        told = self.status
        if told.slot is not None:
            return told.slot.held
        return bool(told.applied_sha) and not (told.sleep and told.sleep.asleep)

    @property
    def waits_since(self) -> dt.datetime | None:
        """Since when it waits for a slot."""
        return self.status.slot.waits_since if self.status.slot else None

    @property
    def has_failed(self) -> bool:
        """Whether its revision does not run."""
        return self.status.failure is not None


class KnownProject(Known, frozen=True):
    """A project, and what of it decides who counts as a visitor."""

    spec: _Decided = msgspec.field(default_factory=_Decided)

    @property
    def ingress_namespace(self) -> str:
        """Where the ingress runs that visitors come through."""
        return self.spec.route.ingress_namespace

    @property
    def passive_agents(self) -> tuple[str, ...]:
        """Words of user agents that nobody waits behind."""
        return self.spec.passive_agents


class KnownHints(msgspec.Struct, frozen=True):
    """Which pull requests GitHub has told of, and by which delivery last."""

    data: dict[str, str] = msgspec.field(default_factory=dict)


_KNOWN = msgspec.json.Decoder(Known).decode
_INGRESS = msgspec.json.Decoder(KnownIngress).decode
_PROJECT = msgspec.json.Decoder(KnownProject).decode


def _hints(cluster: Client) -> Reflector[KnownHints]:
    return Reflector(
        cluster,
        CONFIGMAPS,
        namespace=keys.SYSTEM_NAMESPACE,
        fields=f"metadata.name={hints.CONFIG_MAP}",
        decode=msgspec.json.Decoder(KnownHints).decode,
        on_change=lambda _: None,
    )


class Watches:
    """The reflectors, joined to the queue."""

    def __init__(self, cluster: Client, queue: WorkQueue) -> None:
        self._queue = queue
        # The last known owner of each part: when it is gone, its labels are gone with it.
        self._owners: dict[tuple[Resource, Key], Key] = {}
        self._hosts: dict[str, Key] = {}
        self._host_of: dict[Key, str] = {}
        self.previews: Reflector[KnownPreview] = Reflector(
            cluster, PREVIEWS, decode=msgspec.json.Decoder(KnownPreview).decode, on_change=queue.add
        )
        self.projects: Reflector[KnownProject] = Reflector(
            cluster, PREVIEW_PROJECTS, decode=_PROJECT, on_change=self._project_changed
        )
        self.parts: Mapping[Resource, Reflector[Known]] = {
            resource: Reflector(
                cluster,
                resource,
                labels=f"{keys.MANAGED}=true",
                decode=_INGRESS if resource == INGRESSES else _KNOWN,
                on_change=self._part_changed(resource),
            )
            for resource in _PARTS
        }
        self.knocks: Reflector[Known] = Reflector(
            cluster,
            LEASES,
            namespace=keys.GATEWAY_NAMESPACE,
            labels=f"{keys.MANAGED}=true",
            decode=_KNOWN,
            on_change=self._knocked,
        )
        self._hints = _hints(cluster)
        self._by_resource: Mapping[Resource, Reflector[Any]] = {
            PREVIEWS: self.previews,
            PREVIEW_PROJECTS: self.projects,
            LEASES: self.knocks,
            CONFIGMAPS: self._hints,
            **self.parts,
        }

    @property
    def all(self) -> tuple[Reflector[Any], ...]:
        """Every reflector, to be run for as long as the process lives."""
        return tuple(self._by_resource.values())

    def hint(self, repository: str, number: int) -> str:
        """By which delivery GitHub told of this pull request last; empty for none."""
        found = self._hints.store.get((keys.SYSTEM_NAMESPACE, hints.CONFIG_MAP))
        return found.data.get(hints.Hint(repository, number).key, "") if found else ""

    def hints(self, repository: str) -> frozenset[tuple[str, str]]:
        """All that GitHub has told of pull requests of this repository last."""
        found = self._hints.store.get((keys.SYSTEM_NAMESPACE, hints.CONFIG_MAP))
        prefix = hints.prefix(repository)
        told = found.data.items() if found else ()
        return frozenset((key, delivery) for key, delivery in told if key.startswith(prefix))

    def preview_at(self, host: str) -> Key | None:
        """The preview that visitors of this host come to, whether it is awake or not."""
        return self._hosts.get(host)

    def routes(self) -> Iterator[Route]:
        """Those of the previews that are awake."""
        for (space, _), known in self.parts[INGRESSES].store.items():
            if not isinstance(known, KnownIngress) or space == keys.GATEWAY_NAMESPACE or not known.preview:
                continue
            for rule in known.spec.rules[:1]:
                for path in rule.http.paths[:1]:
                    service = path.backend.service
                    port = service.port.name or str(service.port.number)
                    yield Route(
                        preview=known.preview, host=rule.host, space=space, service=service.name, port=port
                    )

    def not_synced(self) -> list[str]:
        """What has not been read once yet, and what went wrong with it last, for people."""
        return [
            f"{resource.plural}: the first list is not in ({each.trouble or 'no answer yet'})"
            for resource, each in self._by_resource.items()
            if not each.synced.is_set()
        ]

    def _project_changed(self, key: Key) -> None:
        for preview in self.previews.store:
            if preview[0] == key[0]:
                self._queue.add(preview)

    def _knocked(self, key: Key) -> None:
        known = self.knocks.store.get(key)
        if known and known.preview:
            self._queue.add(known.preview)

    def _part_changed(self, resource: Resource) -> Callable[[Key], None]:
        def changed(key: Key) -> None:
            known = self.parts[resource].store.get(key)
            if known is None:
                owner = self._owners.pop((resource, key), None)
            else:
                owner = known.preview
                if owner is not None:
                    self._owners[resource, key] = owner
            if resource == INGRESSES:
                self._route_changed(key, known)
            if owner is not None:
                self._queue.add(owner)

        return changed

    def _route_changed(self, key: Key, known: Known | None) -> None:
        """A host may be led from twice while it changes hands; it is nobody's when both are gone."""
        before = self._host_of.pop(key, "")
        if isinstance(known, KnownIngress) and known.preview and known.spec.rules:
            self._host_of[key] = known.spec.rules[0].host
            self._hosts[known.spec.rules[0].host] = known.preview
        if before and before not in self._host_of.values():
            del self._hosts[before]
