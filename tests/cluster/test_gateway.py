"""Visitors of a preview that sleeps: what they ask for is answered, and nothing of it is lost."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kubepreview.core import conditions
from kubepreview.core.gateway import STATE_HEADER
from kubepreview.core.keys import GATEWAY, GATEWAY_NAMESPACE
from tests.cluster import echo
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import CONTROL_NAMESPACE, PROJECT, Team, application, sha
from tests.commands import Ended

_COMMIT = sha("6")
_NUMBER = 166
_SPACE = f"{PROJECT}-pr-{_NUMBER}"
_HOST = f"pr-{_NUMBER}.{PROJECT}.localhost"
_BODY = bytes(range(256)) * 8192
_VISITS = 200
_FIREFOX = {"User-Agent": "Mozilla/5.0 Firefox/142.0", "Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture(scope="module")
def preview(team: Team) -> Iterator[Path]:
    """A preview of two pods."""
    objects = application(team.image(_COMMIT), replicas=2, command=echo.command(_COMMIT))
    root = team.checkout("gateway", *objects)
    assert team.up(_NUMBER, root, _COMMIT).code == 0
    yield root
    assert team.down(_NUMBER).code == 0
    assert _SPACE not in team.names("namespace")
    assert _gates(team) == []


def _gates(team: Team) -> list[str]:
    return team.names("ingress", GATEWAY_NAMESPACE) + team.names("lease", GATEWAY_NAMESPACE)


def _sleep(team: Team) -> Ended:
    return team.type("sleep", str(_NUMBER), f"--project={PROJECT}")


def _put_to_sleep(team: Team) -> None:
    slept = _sleep(team)
    assert slept.code == 0, slept.err
    assert team.names("pod", _SPACE) == []


@contextmanager
def _connection(team: Team) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection(*team.cluster.ingress, timeout=60)) as connection:
        yield connection


def _ask(team: Team, headers: dict[str, str], path: str = "/") -> tuple[int, str, str]:
    """Code, state of the gateway where it is the gateway that answers, and text."""
    with _connection(team) as connection:
        connection.request("GET", path, headers={"Host": _HOST, **headers})
        answer = connection.getresponse()
        return answer.status, answer.headers.get(STATE_HEADER, ""), answer.read().decode()


def _is_ready(team: Team) -> bool:
    return team.condition(_NUMBER, conditions.READY)[0] == "True"


def test_the_first_request_after_sleep_is_answered_by_the_preview(team: Team, preview: Path) -> None:
    """With its method, target, fields and body; then the preview has its pods, its host, and no gateway."""
    assert preview
    _put_to_sleep(team)
    assert _gates(team) == [_SPACE, _SPACE]

    with _connection(team) as connection:
        connection.request("POST", "/items?a=b", _BODY, {"Host": _HOST, "X-Mine": "kept"})
        answer = connection.getresponse()
        told = answer.read().decode()

    assert (answer.status, told) == (200, f"/items?a=b {hashlib.sha256(_BODY).hexdigest()} kept")
    eventually(lambda: _is_ready(team), "it is awake")
    assert len(team.names("pod", _SPACE)) == 2
    assert team.names("ingress", _SPACE)
    assert _gates(team) == []
    assert team.preview(_NUMBER)["status"]["activity"]["kind"] == "Visit"


def test_a_wish_for_another_protocol_is_held_too(team: Team, preview: Path) -> None:
    """And both sides speak as they like once the preview has agreed."""
    assert preview
    _put_to_sleep(team)

    with closing(socket.create_connection(team.cluster.ingress, timeout=60)) as visitor:
        visitor.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {_HOST}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n".encode()
        )
        heard = visitor.makefile("rb")
        agreed = heard.readline()
        while heard.readline().strip():
            pass
        visitor.sendall(b"one\n")
        first = heard.readline()
        # The gateway is dismissed meanwhile; whoever speaks through it speaks on.
        eventually(lambda: _is_ready(team), "it is awake")
        visitor.sendall(b"two\n")
        second = heard.readline()

    assert agreed.startswith(b"HTTP/1.1 101 ")
    assert (first, second) == (b"ONE\n", b"TWO\n")


def test_a_browser_waits_on_a_page_and_a_robot_is_sent_away(team: Team, preview: Path) -> None:
    """The robot wakes nothing; the browser's page says how far it is, until the preview itself answers."""
    assert preview
    _put_to_sleep(team)

    robot = _ask(team, {**_FIREFOX, "User-Agent": "Slackbot-LinkExpanding 1.0"})
    asleep = team.condition(_NUMBER, conditions.ASLEEP)
    page = _ask(team, _FIREFOX)
    eventually(lambda: _ask(team, _FIREFOX)[:2] == (200, ""), "the preview answers the browser itself")

    assert robot[:2] == (503, "Asleep")
    assert asleep == ("True", "Asleep")
    assert page[0] == 503
    assert "is waking up" in page[2]


def test_a_host_that_was_led_astray_leads_to_the_gateway_again(team: Team, preview: Path) -> None:
    """Somebody has edited the Ingress of the gateway; a visitor wakes the preview all the same."""
    assert preview
    _put_to_sleep(team)
    where = ("ingress", _SPACE, f"--namespace={GATEWAY_NAMESPACE}")
    astray = json.dumps([{"op": "replace", "path": "/spec/rules/0/host", "value": "elsewhere.localhost"}])
    kubectl(team.cluster, "patch", *where, "--type=json", f"--patch={astray}")

    host = "--output=jsonpath={.spec.rules[0].host}"
    eventually(lambda: kubectl(team.cluster, "get", *where, host) == _HOST, "the host is put back")
    # The ingress follows a moment later.
    eventually(lambda: _ask(team, {"User-Agent": "curl"})[0] == 200, "a visitor wakes it")


def test_no_request_is_lost_when_it_falls_asleep_and_wakes(team: Team, preview: Path) -> None:
    """Somebody asks all the time, on a new connection each: every answer is the preview's."""
    assert preview
    eventually(lambda: _is_ready(team), "it is awake")
    answers: list[tuple[int, str, str]] = []
    is_over = threading.Event()

    def visit() -> None:
        while not is_over.is_set() or len(answers) < _VISITS:
            answers.append(_ask(team, {"User-Agent": "curl/8"}))
            is_over.wait(0.02)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        slept = _sleep(team)
        eventually(lambda: _is_ready(team), "it is awake")
    finally:
        is_over.set()
        visitor.join()

    assert {code for code, _, _ in answers} == {200}
    assert (slept.code, "somebody visited it" in slept.err) in ((0, False), (3, True))


def test_a_preview_does_not_fall_asleep_while_no_gateway_would_answer(team: Team, preview: Path) -> None:
    """It keeps its pods and its route, and says what it waits for; when there is one, it sleeps."""
    assert preview
    eventually(lambda: _is_ready(team), "it is awake")
    where = ("scale", f"deployment/{GATEWAY}", f"--namespace={GATEWAY_NAMESPACE}")
    kubectl(team.cluster, *where, "--replicas=0")
    eventually(lambda: not team.names("pod", GATEWAY_NAMESPACE), "no gateway is there")
    waits = team.type("sleep", str(_NUMBER), f"--project={PROJECT}", "--timeout=3s")
    served = team.served(_NUMBER)
    kubectl(team.cluster, *where, "--replicas=1")
    eventually(lambda: not team.names("pod", _SPACE), "it sleeps", timeout_s=120)

    assert waits.code == 4
    assert f"Deployment/{GATEWAY}" in waits.err
    assert served == _COMMIT


def test_a_sleeping_preview_leaves_nothing(team: Team, preview: Path) -> None:
    """Whether it is closed, or its Preview is deleted: its host is nobody's."""
    assert preview
    eventually(lambda: not team.names("pod", _SPACE), "it sleeps")
    closed = team.down(_NUMBER)
    left = _gates(team)
    assert team.up(_NUMBER, preview, _COMMIT).code == 0
    _put_to_sleep(team)
    kubectl(team.cluster, "delete", "preview", f"pr-{_NUMBER}", f"--namespace={CONTROL_NAMESPACE}")
    eventually(lambda: not _gates(team), "the gateway answers no more", timeout_s=90)
    eventually(lambda: _SPACE not in team.names("namespace"), "the namespace is gone", timeout_s=90)
    nobody = team.visit(_HOST, "/")[0]
    again = team.up(_NUMBER, preview, _COMMIT)

    assert closed.code == 0, closed.err
    assert left == []
    assert nobody == 404
    assert again.code == 0, again.err
