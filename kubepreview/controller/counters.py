"""Visits as an ingress's metrics tell them, where its access log cannot be had (`core.ingressmetrics`)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import httpx2
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from kubepreview.controller.probe import Prober
from kubepreview.controller.watches import Route, Watches
from kubepreview.core import ingressmetrics
from kubepreview.core.ingressmetrics import Metrics, Tally
from kubepreview.core.wire import Object
from kubepreview.kube.store import Key
from kubepreview.kube.together import together

_TIMEOUT_S: Final = 5.0
# Some for each backend: by code, method and protocol.
_MOST_LINES: Final = 100_000


# By the UID of a pod and by backend.
_Counted = Mapping[str, Mapping[str, float]]


class _Look(Struct, frozen=True):
    """What one pod had counted, by backend; None where it could not be read."""

    uid: str
    counts: Mapping[str, float] | None
    trouble: str = ""


class Counters:
    """The counters of one namespace's ingress controller, as they were when they were looked at last."""

    def __init__(self, watches: Watches, prober: Prober) -> None:
        self._watches = watches
        self._prober = prober
        self._counted: _Counted = {}
        self._tallies: dict[Key, Tally] = {}
        self.trouble = "its metrics were not looked at yet"
        self.last: dict[Key, dt.datetime] = {}
        self._ours_seen = False

    def forget(self, gone: Callable[[Key], bool]) -> None:
        """What was known of previews that are no more."""
        self.last = {key: at for key, at in self.last.items() if not gone(key)}
        self._tallies = {key: tally for key, tally in self._tallies.items() if not gone(key)}

    async def look(self, pods: Iterable[tuple[Metrics, Object]], now: Callable[[], dt.datetime]) -> None:
        """Read all of them, and find who was visited since."""
        found = list(pods)
        if not found:
            self.trouble = "and no metrics of it are known"
            return
        looks = await together(_look(metrics, pod) for metrics, pod in found)
        self.trouble = next((each.trouble for each in looks if each.trouble), "")
        counted = {each.uid: each.counts for each in looks if each.counts is not None}
        more, is_certain = _more(self._counted, counted), _goes_on(self._counted, counted)
        self._counted = counted
        for route in self._watches.routes():
            backend = ingressmetrics.backend_of(found[0][0], route.space, route.service, route.port)
            self._take(route, more[backend], now, is_certain=is_certain)
        if not self.trouble and not self._ours_seen:
            self.trouble = "not even our own requests are seen in its metrics"

    def _take(self, route: Route, more: float, now: Callable[[], dt.datetime], *, is_certain: bool) -> None:
        ours, tally = self._prober.sent[route.host], self._tallies.get(route.preview)
        if tally is None:
            under_way = float(self._prober.under_way[route.host])
            self._tallies[route.preview] = Tally(ours_before=ours, most=under_way)
        elif tally.visited(more, ours, is_certain=is_certain):
            self.last[route.preview] = now()
        self._ours_seen |= bool(ours and more)


def _more(before: _Counted, counted: _Counted) -> Mapping[str, float]:
    """By backend, what was counted since the last look; a pod that is new has counted from 0."""
    more: dict[str, float] = defaultdict(float)
    for uid, counts in counted.items():
        then = before.get(uid, {} if before else counts)
        for backend, count in counts.items():
            was = then.get(backend, 0.0)
            more[backend] += count - was if count >= was else count
    return more


def _goes_on(before: _Counted, counted: _Counted) -> bool:
    """Whether the same pods count on: none has gone with what it knew, and none began anew."""
    return before.keys() == counted.keys() and all(
        count >= before[uid].get(backend, 0.0)
        for uid, counts in counted.items()
        for backend, count in counts.items()
    )


async def _look(metrics: Metrics, pod: Object) -> _Look:
    uid, url = pod["metadata"]["uid"], ingressmetrics.address(metrics, pod)
    lines: list[str] = []
    try:
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=_TIMEOUT_S) as client,
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                # One counter of hundreds: the parser is thorough, and not quick.
                if line.startswith(metrics.counter) and len(lines) < _MOST_LINES:
                    lines.append(line)
    except httpx2.HTTPError as error:
        return _Look(uid, None, f"{url} cannot be read: {error or type(error).__name__}")
    return _Look(uid, _sums(metrics, "\n".join(lines) + "\n"))


def _sums(metrics: Metrics, text: str) -> Mapping[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[ingressmetrics.backend_in(metrics, sample.labels.get(metrics.label, ""))] += sample.value
    return sums
