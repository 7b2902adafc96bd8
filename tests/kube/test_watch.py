"""A reflector's store equals what a fresh list would give, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from kubepreview.errors import Failed, KubepreviewError
from kubepreview.kube import errors
from kubepreview.kube.client import Client
from kubepreview.kube.resources import CONFIGMAPS, PREVIEWS, Object
from kubepreview.kube.session import Call
from kubepreview.kube.store import Key
from kubepreview.kube.wait import NotYet, wait_until
from kubepreview.kube.watch import Reflector

from .controlplane import ControlPlane
from .objects import config_map
from .oddserver import answer, odd_server
from .tcpproxy import wire_to


@asynccontextmanager
async def _running(reflector: Reflector[Any]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reflector.run())
        async with asyncio.timeout(20):
            await reflector.synced.wait()
        yield
        task.cancel()


async def _wait_until_equal(reflector: Reflector[Object], client: Client, namespace: str) -> None:
    async def look() -> bool:
        listed = {
            (namespace, item["metadata"]["name"]): item.get("data")
            for item in await client.list(CONFIGMAPS, namespace)
        }
        kept = {key: obj.get("data") for key, obj in reflector.store.items()}
        if kept != listed:
            raise NotYet(f"kept {kept}, listed {listed}, trouble {reflector.trouble}")
        return True

    await wait_until(look, what="the store equals a fresh list", timeout_s=30)


def _through(port: int, client: Client) -> Client:
    return Client(replace(client.credentials, server=f"https://127.0.0.1:{port}"))


async def test_it_follows(client: Client, namespace: str) -> None:
    """What was there and what comes, changes and goes is in the store, and each key is told."""
    await client.create(CONFIGMAPS, config_map(namespace, "old", fruit="pear"))
    told: list[Key] = []
    reflector = Reflector[Object](client, CONFIGMAPS, namespace=namespace, on_change=told.append)

    async with _running(reflector):
        assert told == [(namespace, "old")]
        assert reflector.store[namespace, "old"]["kind"] == "ConfigMap"
        await client.create(CONFIGMAPS, config_map(namespace, "new"))
        await client.apply(config_map(namespace, "old", fruit="plum"), manager="one")
        await client.delete(CONFIGMAPS, "new", namespace)
        await client.create(CONFIGMAPS, config_map(namespace, "last"))
        await _wait_until_equal(reflector, client, namespace)

    assert told == [(namespace, name) for name in ("old", "new", "old", "new", "last")]


async def test_it_keeps_what_it_is_asked_to(client: Client, namespace: str) -> None:
    """A selector narrows what is followed, and a decoder of the caller's says what is kept of it."""

    class Fruit(msgspec.Struct):
        data: dict[str, str]

    await client.create(CONFIGMAPS, config_map(namespace, "a", labels={"sort": "fruit"}, called="pear"))
    await client.create(CONFIGMAPS, config_map(namespace, "b", labels={"sort": "tool"}, called="saw"))
    reflector = Reflector(
        client,
        CONFIGMAPS,
        namespace=namespace,
        labels="sort=fruit",
        decode=msgspec.json.Decoder(Fruit).decode,
    )

    async with _running(reflector):
        assert dict(reflector.store) == {(namespace, "a"): Fruit({"called": "pear"})}
        # What no longer fits the selector is gone for those who look through it.
        await client.apply(config_map(namespace, "a", labels={"sort": "tool"}), manager="one")

        async def is_gone() -> bool | None:
            return not reflector.store or None

        await wait_until(is_gone, what="the store is empty", timeout_s=10)


async def test_a_long_list_is_read_in_pages(client: Client, namespace: str) -> None:
    """A first list longer than a page is whole."""
    async with asyncio.TaskGroup() as group:
        for number in range(501):
            group.create_task(client.create(CONFIGMAPS, config_map(namespace, f"n{number}")))

    reflector = Reflector[Object](client, CONFIGMAPS, namespace=namespace)
    async with _running(reflector):
        assert len(reflector.store) == 501


async def test_it_survives_cuts(apiserver: ControlPlane, client: Client, namespace: str) -> None:
    """After each of many cut connections the store catches up, and nothing is told twice or missed."""
    told: list[Key] = []
    async with wire_to(apiserver.port) as wire, _through(wire.port, client) as through:
        reflector = Reflector[Object](through, CONFIGMAPS, namespace=namespace, on_change=told.append)
        async with _running(reflector):
            for number in range(10):
                await client.create(CONFIGMAPS, config_map(namespace, f"n{number}"))
                wire.cut()
                await client.create(CONFIGMAPS, config_map(namespace, f"m{number}"))
                await client.delete(CONFIGMAPS, f"n{number}", namespace)
            await _wait_until_equal(reflector, client, namespace)

    assert set(told) == {(namespace, f"{letter}{number}") for letter in "mn" for number in range(10)}


async def test_it_waits_for_a_server_that_does_not_answer(
    apiserver: ControlPlane, client: Client, namespace: str
) -> None:
    """While nobody answers it says so in `trouble`, once to its owner, keeps what it has, and catches up."""
    troubles: list[KubepreviewError] = []
    async with wire_to(apiserver.port) as wire, _through(wire.port, client) as through:
        reflector = Reflector[Object](through, CONFIGMAPS, namespace=namespace, on_trouble=troubles.append)
        await client.create(CONFIGMAPS, config_map(namespace, "old"))
        async with _running(reflector):
            wire.refuse()
            await client.create(CONFIGMAPS, config_map(namespace, "new"))

            async def is_troubled() -> KubepreviewError | None:
                return reflector.trouble

            assert isinstance(await wait_until(is_troubled, what="trouble", timeout_s=20), errors.NoAnswer)
            assert list(reflector.store) == [(namespace, "old")]
            wire.mend()
            await _wait_until_equal(reflector, client, namespace)
            assert reflector.trouble is None
    assert len(troubles) == 1


async def test_a_version_that_is_forgotten(
    tmp_path_factory: pytest.TempPathFactory, apiserver: ControlPlane
) -> None:
    """After a restart that compacts what we had seen, all is listed again, and what vanished is told."""
    plane = ControlPlane(apiserver.find, tmp_path_factory.mktemp("restarted"))
    told: list[Key] = []
    try:
        await plane.start()
        async with (
            wire_to(plane.port) as wire,
            Client(plane.admin) as client,
            _through(wire.port, client) as through,
        ):
            for name in ("kept", "changed", "vanishing"):
                await client.create(CONFIGMAPS, config_map("default", name))
            reflector = Reflector[Object](through, CONFIGMAPS, namespace="default", on_change=told.append)
            async with _running(reflector):
                wire.refuse()
                told.clear()
                await client.delete(CONFIGMAPS, "vanishing", "default")
                await client.apply(config_map("default", "changed", fruit="fig"), manager="one")
                await client.create(CONFIGMAPS, config_map("default", "new"))
                plane.apiserver.kill()
                plane.compact()
                await plane.start_apiserver()
                await _assert_gone(client, "1")
                wire.mend()
                await _wait_until_equal(reflector, client, "default")
    finally:
        plane.stop()

    assert {name for _, name in told} == {"vanishing", "changed", "new"}


async def _assert_gone(client: Client, version: str) -> None:
    """The server no longer remembers this version: what the reflector is about to meet."""
    call = Call(
        method="GET",
        path=CONFIGMAPS.path("default"),
        params={"watch": "true", "resourceVersion": version, "timeoutSeconds": 5},
    )
    async with client.stream(call, silence_s=5) as chunks:
        frame = msgspec.json.decode(await anext(chunks))
    assert (frame["type"], frame["object"]["code"]) == ("ERROR", 410)


async def test_it_survives_a_killed_apiserver(
    tmp_path_factory: pytest.TempPathFactory, apiserver: ControlPlane
) -> None:
    """The apiserver is killed and started again, twice, under writes; the store equals a fresh list."""
    plane = ControlPlane(apiserver.find, tmp_path_factory.mktemp("killed"))
    try:
        await plane.start()
        async with Client(plane.admin) as client:
            reflector = Reflector[Object](client, CONFIGMAPS, namespace="default")
            async with _running(reflector):
                for number in range(2):
                    await client.apply(config_map("default", f"before-{number}"), manager="one")
                    plane.apiserver.kill()
                    await plane.start_apiserver()
                    await client.apply(config_map("default", f"after-{number}"), manager="one")
                    await client.delete(CONFIGMAPS, f"before-{number}", "default")
                    await _wait_until_equal(reflector, client, "default")
    finally:
        plane.stop()


async def test_a_connection_that_fell_silent_is_given_up(
    apiserver: ControlPlane, client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that looks open and says nothing, not even a bookmark, is left for a new one."""
    monkeypatch.setattr("kubepreview.kube.watch._SILENCE_S", 0.5)
    async with wire_to(apiserver.port) as wire, _through(wire.port, client) as through:
        reflector = Reflector[Object](through, CONFIGMAPS, namespace=namespace)
        async with _running(reflector):
            await client.create(CONFIGMAPS, config_map(namespace, "heard"))
            await _wait_until_equal(reflector, client, namespace)
            wire.silence()
            await client.create(CONFIGMAPS, config_map(namespace, "unheard"))

            async def has_noticed() -> KubepreviewError | None:
                return reflector.trouble

            error = await wait_until(has_noticed, what="the silence is noticed", timeout_s=20)
            assert "no answer in 0.5 s" in str(error)
            wire.mend()
            await _wait_until_equal(reflector, client, namespace)


async def test_what_is_not_served_is_waited_for(client: Client, namespace: str) -> None:
    """While its CRD is not there, a reflector is not synced, and says why."""
    reflector = Reflector[Object](client, PREVIEWS, namespace=namespace)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reflector.run())

        async def is_troubled() -> KubepreviewError | None:
            return reflector.trouble

        error = await wait_until(is_troubled, what="trouble", timeout_s=10)
        assert isinstance(error, errors.KindNotServed)
        assert not reflector.synced.is_set()
        task.cancel()


async def test_an_object_that_cannot_be_read_is_told_by_name(client: Client, namespace: str) -> None:
    """A decoder that does not fit an object ends the reflector with the object's name."""

    class Number(msgspec.Struct):
        data: dict[str, int]

    await client.create(CONFIGMAPS, config_map(namespace, "a", size="large"))
    reflector = Reflector(client, CONFIGMAPS, namespace=namespace, decode=msgspec.json.Decoder(Number).decode)

    with pytest.raises(Failed, match=f"cannot read ConfigMap {namespace}/a: Expected `int`, got `str`"):
        await reflector.run()


@pytest.mark.parametrize("line", [b"<html>\n", b'{"type": "\x80"}\n'], ids=["a page", "no text"])
async def test_a_line_that_is_no_event_is_trouble(line: bytes) -> None:
    """What is no apiserver's, in the middle of a watch, breaks the watch and nothing else."""
    page = {
        "metadata": {"resourceVersion": "1"},
        "items": [{"metadata": {"name": "a", "resourceVersion": "1"}}],
    }
    async with (
        odd_server(answer(200, page), answer(200, line)) as odd,
        Client(odd.credentials) as client,
    ):
        reflector = Reflector[Object](client, CONFIGMAPS, namespace="x")
        async with _running(reflector):

            async def is_troubled() -> KubepreviewError | None:
                return reflector.trouble

            error = await wait_until(is_troubled, what="trouble", timeout_s=10)
            assert "not what an apiserver says" in str(error)
            assert list(reflector.store) == [("", "a")]
