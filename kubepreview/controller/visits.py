"""When each preview was visited last, as the access logs of the ingress controllers tell.

Visits are believed to be seen only where our own requests are: the probe asks each awake preview now and
then, and what it asked must stand in the log. Where that fails nothing falls asleep, and the reason is told.
Only the last visit of known hosts is kept. What is read goes back an hour, so that a new leader knows it too.
Where no log can be had, the metrics of the ingress are taken (`counters`), and anyone counts.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from typing import Final

from msgspec import Struct

from kubepreview.controller.counters import Counters
from kubepreview.controller.probe import Prober
from kubepreview.controller.watches import Watches
from kubepreview.core import accesslog
from kubepreview.core.accesslog import Format
from kubepreview.core.agents import is_passive
from kubepreview.core.ingress import CONTROLLERS, Controller
from kubepreview.core.ingressmetrics import Metrics
from kubepreview.core.wire import Object
from kubepreview.errors import KubepreviewError
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PODS
from kubepreview.kube.retry import Backoff
from kubepreview.kube.store import Key

_LOOK_AGAIN_S: Final = 10.0
_HISTORY_S: Final = 3600
# An ingress on which nothing is asked for so long is listened to anew: the connection may be dead.
_SILENCE_S: Final = 120.0
# Our own requests come every minute where a preview is awake.
_BELIEVED_S: Final = 300.0
_OVERLAP_S: Final = 10
_SETTLES_S: Final = 60.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0


class _Source(Struct, frozen=True):
    """A container whose log tells of visits."""

    namespace: str
    pod: str
    container: str
    form: Format


class _Place:
    """What is known of the ingress controllers of one namespace."""

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self.sources: tuple[_Source, ...] = ()
        self.broken: dict[str, str] = {}
        self.seen_at = -math.inf
        self.tells_agents = True


class Visits:
    """Read while this replica leads."""

    def __init__(self, watches: Watches, prober: Prober) -> None:
        self._watches = watches
        self._prober = prober
        self._last: dict[Key, dt.datetime] = {}
        self._places: dict[str, _Place] = {}
        self._followed: dict[_Source, asyncio.Task[None]] = {}
        self._began_at = -math.inf

    @property
    def is_settling(self) -> bool:
        """Whether it has just begun, so that what is not seen yet is no trouble to speak of."""
        return asyncio.get_running_loop().time() - self._began_at < _SETTLES_S

    def last(self, preview: Key) -> dt.datetime | None:
        """The last visit, by the clock of whoever wrote the log; None where none is known."""
        counted = (place.counters.last.get(preview) for place in self._places.values())
        return max((at for at in (self._last.get(preview), *counted) if at), default=None)

    def trouble(self, ingress_namespace: str) -> str:
        """Why visits through this namespace's ingress are not seen; empty where they are."""
        of_log = self._trouble_of_log(ingress_namespace)
        place = self._places.get(ingress_namespace)
        if not of_log or place is None:
            return of_log
        of_counters = place.counters.trouble
        return of_counters and f"{of_log}; {of_counters}"

    def anyone(self, ingress_namespace: str) -> str:
        """Why visits are only counted there, so that robots count as people; empty where they are not."""
        return "" if self.trouble(ingress_namespace) else self._trouble_of_log(ingress_namespace)

    def _trouble_of_log(self, ingress_namespace: str) -> str:
        place = self._places.get(ingress_namespace)
        if place is None:
            return "the access log of the ingress was not looked for yet"
        if not place.sources:
            return (
                f"no ingress controller in namespace {ingress_namespace} has an access log that can be read"
            )
        if place.broken:
            pod, why = next(iter(place.broken.items()))
            return f"the log of pod {ingress_namespace}/{pod} cannot be read: {why}"
        if not place.tells_agents:
            return "the access log of the ingress does not tell user agents"
        if asyncio.get_running_loop().time() - place.seen_at > _BELIEVED_S:
            return "not even our own requests are seen in the access log of the ingress"
        return ""

    async def run(self, cluster: Client) -> None:
        """Follow every log there is, for ever."""
        self._places.clear()
        self._followed.clear()
        self._began_at = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            while True:
                await self._look(cluster, group)
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def _look(self, cluster: Client, group: asyncio.TaskGroup) -> None:
        self._forget()
        namespaces = {each.ingress_namespace for each in self._watches.projects.store.values()}
        for namespace in namespaces:
            try:
                pods = await cluster.list(PODS, namespace)
            except KubepreviewError:
                continue  # looked for again soon; what is followed is followed
            if namespace not in self._places:
                self._places[namespace] = _Place(Counters(self._watches, self._prober))
            place = self._places[namespace]
            place.sources = tuple(_sources(pods))
            for source in place.sources:
                if source not in self._followed:
                    self._followed[source] = group.create_task(self._follow(cluster, source, place))
            if self._trouble_of_log(namespace):
                await place.counters.look(_counting(pods), cluster.clock.now)

    def _forget(self) -> None:
        known = self._watches.previews.store
        self._last = {key: at for key, at in self._last.items() if key in known}
        for place in self._places.values():
            place.counters.forget(lambda key: key not in known)

    async def _follow(self, cluster: Client, source: _Source, place: _Place) -> None:
        """Until the pod is gone."""
        loop = asyncio.get_running_loop()
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        since_s = _HISTORY_S
        while source in place.sources:
            heard_at = loop.time()
            log = cluster.follow_logs(
                source.namespace,
                source.pod,
                container=source.container,
                tail_lines=None,
                since_s=since_s,
                silence_s=_SILENCE_S,
            )
            try:
                async with aclosing(log) as lines:
                    async for line in lines:
                        place.broken.pop(source.pod, None)
                        backoff.reset()
                        heard_at = loop.time()
                        self._take(accesslog.read(source.form, line), place)
            except KubepreviewError as error:
                place.broken[source.pod] = error.message
            since_s = math.ceil(loop.time() - heard_at) + _OVERLAP_S
            await asyncio.sleep(backoff.next_s())
        place.broken.pop(source.pod, None)
        del self._followed[source]

    def _take(self, access: accesslog.Access | None, place: _Place) -> None:
        if access is None:
            return
        place.seen_at = asyncio.get_running_loop().time()
        place.tells_agents = access.user_agent is not None
        preview = self._watches.preview_at(access.host)
        if preview is None or access.user_agent is None:
            return
        passive = (word for each in self._projects_of(preview) for word in each)
        if not is_passive(access.user_agent, tuple(passive)):
            self._last[preview] = max(access.ended, self._last.get(preview, access.ended))

    def _projects_of(self, preview: Key) -> Iterator[tuple[str, ...]]:
        for (namespace, _), project in self._watches.projects.store.items():
            if namespace == preview[0]:
                yield project.passive_agents


def _running(pods: list[Object]) -> Iterator[tuple[Controller, Object]]:
    """The pods of known ingress controllers that run."""
    for pod in pods:
        if pod.get("status", {}).get("phase") != "Running":
            continue
        labels: Mapping[str, str] = pod["metadata"].get("labels") or {}
        for known in CONTROLLERS:
            key, _, value = known.pods.partition("=")
            if labels.get(key) == value:
                yield known, pod


def _sources(pods: list[Object]) -> Iterator[_Source]:
    for known, pod in _running(pods):
        if known.access_log:
            metadata, container = pod["metadata"], _container(pod, known.access_log)
            yield _Source(metadata["namespace"], metadata["name"], container, known.access_log)


def _counting(pods: list[Object]) -> Iterator[tuple[Metrics, Object]]:
    for known, pod in _running(pods):
        if known.metrics:
            yield known.metrics, pod


def _container(pod: Object, name: str) -> str:
    """The one that is named after the program, or else the first."""
    names = [str(each["name"]) for each in pod["spec"]["containers"]]
    return next((each for each in names if name in each), names[0])
