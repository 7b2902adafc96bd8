"""Events, as kubectl would show them."""

from __future__ import annotations

from datetime import UTC, datetime

from kubepreview.kube import events
from kubepreview.kube.client import Client
from kubepreview.kube.resources import CONFIGMAPS, EVENTS, NAMESPACES, Object

from .objects import config_map

_AT = datetime(2026, 11, 24, 12, 0, 0, 5, tzinfo=UTC)


async def _emit(client: Client, regarding: Object, note: str) -> None:
    await events.emit(
        client,
        regarding=regarding,
        type="Warning",
        reason="ImagePullFailed",
        action="Deploy",
        note=note,
        controller="kubepreview.dev/controller",
        now=lambda: _AT,
    )


async def test_the_same_event_is_counted(client: Client, namespace: str) -> None:
    """An event is told once with all its fields; told again, its count grows and nothing is added."""
    regarding = await client.create(CONFIGMAPS, config_map(namespace, "a"))

    for _ in range(3):
        await _emit(client, regarding, "web: no such image")
    await _emit(client, regarding, "db: no such image")

    told = {event["note"]: event for event in await client.list(EVENTS, namespace)}
    assert told.keys() == {"web: no such image", "db: no such image"}
    event = told["web: no such image"]
    assert event["series"]["count"] == 3
    assert event["eventTime"] == "2026-11-24T12:00:00.000005Z"
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "ImagePullFailed", "Deploy")
    assert event["regarding"]["uid"] == regarding["metadata"]["uid"]
    assert "series" not in told["db: no such image"]


async def test_what_lives_in_the_cluster_has_its_events_in_default(client: Client, namespace: str) -> None:
    """An event about a namespace itself, with a note longer than the API allows, is accepted."""
    regarding = await client.get(NAMESPACES, namespace)

    await _emit(client, regarding, "x" * 5000)

    told = [
        event for event in await client.list(EVENTS, "default") if event["regarding"]["name"] == namespace
    ]
    assert [len(event["note"]) for event in told] == [1024]
