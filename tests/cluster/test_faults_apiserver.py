"""The apiserver is killed; the node starts it again, and everybody who was waiting goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from kubepreview.core import keys
from tests.cluster.machine import eventually, kill, kubectl, program_of
from tests.cluster.team import PROJECT, Team, application, sha
from tests.commands import Ended

_COMMIT, _NEXT = sha("1"), sha("2")
_NUMBER = 140
_SPACE = f"{PROJECT}-pr-{_NUMBER}"


def _up(team: Team, commit: str) -> Ended:
    root = team.checkout(f"apiserver-{commit[:7]}", *application(team.image(commit)))
    return team.up(_NUMBER, root, commit, "--timeout=4m")


def _kill_apiserver(team: Team) -> None:
    kill(program_of(team.cluster, "kube-apiserver"))


def _answers(team: Team) -> bool:
    return "ok" in kubectl(team.cluster, "get", "--raw", "/readyz", check=False)


def _killed_while(team: Team, command: Callable[[], Ended], seen: Callable[[], bool], what: str) -> Ended:
    """The command, with the apiserver killed as soon as something of its work is seen."""
    with ThreadPoolExecutor() as pool:
        waiting: Future[Ended] = pool.submit(command)
        eventually(seen, what)
        _kill_apiserver(team)
        return waiting.result()


def _restarts(team: Team) -> str:
    """The controller's pods, and how often their containers were started again."""
    return kubectl(
        team.cluster,
        *(
            "get",
            "pods",
            f"--namespace={keys.SYSTEM_NAMESPACE}",
            f"-l=app.kubernetes.io/name={keys.CONTROLLER}",
        ),
        "--output=jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{end}",
    )


def _is_there(team: Team) -> bool:
    return _SPACE in kubectl(team.cluster, "get", "namespaces", "--output=name", check=False)


def _is_going(team: Team) -> bool:
    said = kubectl(team.cluster, "get", "namespace", _SPACE, "--output=name", check=False)
    pods = kubectl(team.cluster, "get", "pods", f"--namespace={_SPACE}", "--output=json", check=False)
    return "NotFound" in said or "deletionTimestamp" in pods


def _has_route(team: Team) -> bool:
    return keys.GUARD in team.names("ingress", _SPACE)


def test_an_apiserver_that_is_killed_costs_nothing_but_time(team: Team) -> None:
    """During `up`, while nothing happens, and during `down`: the command line and the controller go on.

    The command line says that it tries on. The controller is not started again: its watches resume, so
    that what happens later is acted upon.
    """
    team.image(_NEXT)
    before = _restarts(team)

    opened = _killed_while(team, lambda: _up(team, _COMMIT), lambda: _is_there(team), "the namespace is made")
    first = team.served(_NUMBER)
    assert opened.code == 0, opened.err
    assert "trying on" in opened.err

    _kill_apiserver(team)
    eventually(lambda: _answers(team), "the apiserver is back")
    kubectl(team.cluster, "delete", "ingress", keys.GUARD, f"--namespace={_SPACE}")
    # Less than a minute: after that the controller would have looked by itself, without being told.
    eventually(lambda: _has_route(team), "what was deleted by hand is put back", timeout_s=30)
    renewed = _up(team, _NEXT)

    closed = _killed_while(team, lambda: team.down(_NUMBER), lambda: _is_going(team), "it is being closed")

    assert renewed.code == 0, renewed.err
    assert closed.code == 0, closed.err
    assert first == _COMMIT
    assert not _is_there(team)
    assert team.preview(_NUMBER)["status"]["receipt"]["namespaceGoneAt"]
    assert _restarts(team) == before
