"""An open connection keeps a preview awake, although no visit stands in the log before it ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from kubepreview.core import conditions
from kubepreview.localcluster.addons import INGRESS_IDLE_S
from tests.cluster import echo
from tests.cluster.machine import eventually
from tests.cluster.team import Team, application, sha

_COMMIT = sha("c")
_NUMBER = 177
_PROJECT = "connected"


@pytest.fixture(scope="module")
def connected(team: Team) -> Iterator[Team]:
    """A preview of a project whose previews tire quickly, beside an ingress that forgets quickly."""
    connected = team.with_project(_PROJECT)
    objects = application(team.image(_COMMIT), command=echo.command(_COMMIT))
    root = connected.checkout("connected", *objects)
    assert connected.up(_NUMBER, root, _COMMIT).code == 0
    yield connected
    connected.down(_NUMBER).done()
    connected.leave_project()


def _upgraded(team: Team) -> socket.socket:
    """Somebody who speaks another protocol with the preview."""
    visitor = socket.create_connection(team.cluster.ingress, timeout=30)
    host = f"pr-{_NUMBER}.{_PROJECT}.localhost"
    visitor.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n".encode()
    )
    return visitor


def _sleep(team: Team) -> dict[str, Any]:
    found: dict[str, Any] = team.preview(_NUMBER)["status"]["sleep"]
    return found


def test_whoever_is_connected_keeps_it_awake(connected: Team) -> None:
    """For longer than an unused connection lives, with no pod ended; and when he leaves, it sleeps."""
    space = f"{_PROJECT}-pr-{_NUMBER}"
    pods = connected.names("pod", space)

    with closing(_upgraded(connected)) as visitor, visitor.makefile("rb") as heard:
        assert heard.readline().startswith(b"HTTP/1.1 101 ")
        while heard.readline().strip():
            pass
        connected.decide(sleepAfter="5s", route={"idleTimeout": f"{INGRESS_IDLE_S}s"})
        eventually(lambda: "held" in _sleep(connected), "it is held awake", timeout_s=90)
        held = _sleep(connected)["held"]
        awake = eventually(
            lambda: connected.condition(_NUMBER, conditions.READY) == ("True", "Ready"),
            "it has its host again",
        )
        visitor.sendall(b"still here\n")
        echoed = heard.readline()
        still = connected.names("pod", space)

    eventually(
        lambda: (
            connected.condition(_NUMBER, conditions.ASLEEP)[0] == "True" and not connected.names("pod", space)
        ),
        "it sleeps when nobody is connected",
        timeout_s=90,
    )
    assert (held["connections"], held["why"]) == (1, "visitors' connections were open, 1 of them")
    assert awake
    assert echoed == b"STILL HERE\n"
    assert still == pods
