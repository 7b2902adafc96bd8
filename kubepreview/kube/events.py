"""Kubernetes Events about our objects: what `kubectl describe` and `kubectl events` show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from kubepreview.kube.bodies import name_of, namespace_of
from kubepreview.kube.client import Client
from kubepreview.kube.errors import AlreadyExists, ObjectNotFound
from kubepreview.kube.resources import EVENTS, Object

# Limits of events.k8s.io/v1.
_LONGEST_NOTE = 1024
_LONGEST_PREFIX = 200


async def emit(  # noqa: PLR0913 — the fields of an Event, each by its name
    client: Client,
    *,
    regarding: Object,
    type: Literal["Normal", "Warning"],  # noqa: A002 — the field's name in the API
    reason: str,
    action: str,
    note: str,
    controller: str,
    now: Callable[[], datetime],
) -> None:
    """Tell it once; the same event again only raises its count.

    `action` is what was being done (``Deploy``), `reason` why this is told (``ImagePullFailed``).
    An event is no state: whoever emits it decides whether failing to matters.
    """
    event = _event(regarding, (type, reason, action, note[:_LONGEST_NOTE]), controller, _micro(now()))
    namespace = namespace_of(event)
    try:
        await client.create(EVENTS, event)
    except AlreadyExists:
        try:
            await _count_up(client, name_of(event), namespace, _micro(now()))
        except ObjectNotFound:
            # It was there a moment ago, and its hour had just passed.
            await client.create(EVENTS, event)


def _event(regarding: Object, what: tuple[str, str, str, str], controller: str, when: str) -> Object:
    kind, reason, action, note = what
    metadata = regarding["metadata"]
    namespace = namespace_of(regarding) or "default"  # where the events of cluster-wide objects live
    seed = "\0".join((str(metadata.get("uid")), controller, *what))
    tail = hashlib.sha256(seed.encode()).hexdigest()[:16]
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"namespace": namespace, "name": f"{name_of(regarding)[:_LONGEST_PREFIX]}.{tail}"},
        "eventTime": when,
        "type": kind,
        "reason": reason,
        "action": action,
        "note": note,
        "regarding": {
            "apiVersion": regarding["apiVersion"],
            "kind": regarding["kind"],
            "namespace": namespace_of(regarding),
            "name": name_of(regarding),
            "uid": metadata.get("uid", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
        },
        "reportingController": controller,
        "reportingInstance": controller,
    }


async def _count_up(client: Client, name: str, namespace: str, when: str) -> None:
    known = await client.get(EVENTS, name, namespace)
    count = int((known.get("series") or {}).get("count") or 1) + 1
    series = {"count": count, "lastObservedTime": when}
    await client.patch(EVENTS, name, {"series": series}, namespace)


def _micro(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
