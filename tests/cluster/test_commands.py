"""The commands that read a preview, and the ways of `up` and `down` that the journey does not take.

Three previews stand side by side: one that is ready, one of two pods whose second container crashed once, and
one that never becomes ready.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepreview.core import conditions
from kubepreview.core.wire import Object
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import CONTROL_NAMESPACE, EXAMPLE, PROJECT, Team, application, sha
from tests.commands import Ended, environment, kubepreview

_READY, _TALKS, _WAITS, _DRY, _EVENT, _FORK = range(60, 66)
_COMMIT = sha("1")
_NOTES = ("note 1", "note 2", "note 3")
_CRASHES_ONCE = f"""
import pathlib, signal, sys
for note in {_NOTES!r}: print(note, flush=True)
begun = pathlib.Path("/state/begun")
if not begun.exists():
    begun.touch()
    sys.exit("the first start fails")
signal.pause()
"""
_NEVER_READY: Object = {
    "readinessProbe": {"httpGet": {"path": "/no-such-path", "port": "http"}, "periodSeconds": 1}
}
_SHOWS_ENVIRONMENT = "import os; print(*(os.environ[each] for each in {names!r}))"


def _with_notes(image: str) -> list[Object]:
    """Two pods of two containers; the second of them crashes at its first start."""
    deployment, service = application(image, replicas=2)
    pod = deployment["spec"]["template"]["spec"]
    state = [{"name": "state", "mountPath": "/state"}]
    command = ["python3", "-c", _CRASHES_ONCE]
    pod["containers"].append({"name": "notes", "image": image, "command": command, "volumeMounts": state})
    pod["volumes"] = [{"name": "state", "emptyDir": {}}]
    return [deployment, service]


@pytest.fixture(scope="module")
def opened(team: Team) -> Iterator[Team]:
    """The three previews; they are closed when the tests of this module are over."""
    image = team.image(_COMMIT)
    ready = team.checkout("ready", *application(image), test="python3 test_k8s.py")
    for name in ("test_k8s.py", "rar_writer.py"):
        shutil.copy(EXAMPLE / name, ready)
    others = {
        _TALKS: team.checkout("talks", *_with_notes(image)),
        _WAITS: team.checkout("waits", *application(image, **_NEVER_READY)),
    }
    for number, root in others.items():
        team.up(number, root, _COMMIT, "--no-wait").done()
    facts = ("--title=Read RAR5", "--author=ada")
    team.up(_READY, ready, _COMMIT, *facts).done()
    yield team
    # Told to all before any is waited for.
    for flags in (("--no-wait",), ()):
        for number in (_READY, *others):
            team.down(number, *flags).done()


def _typed(team: Team, *argv: str) -> Ended:
    """A command about the ready preview's repository, typed in it."""
    return team.type(*argv, directory=team.folder / "ready")


def _url(team: Team, number: int) -> str:
    return f"http://pr-{number}.{PROJECT}.localhost:{team.cluster.ingress[1]}/"


# logs


def _logs(team: Team, number: int, *flags: str) -> list[str]:
    return _typed(team, "logs", str(number), *flags).done().splitlines()


def _pods_of(team: Team, number: int) -> list[str]:
    return team.names("pods", f"{PROJECT}-pr-{number}")


@pytest.fixture(scope="module")
def talked(opened: Team) -> Team:
    """Both pods' second containers have crashed, and have started again."""
    path = "jsonpath={.items[*].status.containerStatuses[?(@.name=='notes')].restartCount}"
    pods = ("get", "pods", f"--namespace={PROJECT}-pr-{_TALKS}", "-o", path)
    eventually(lambda: kubectl(opened.cluster, *pods).split() == ["1", "1"], "each crashed once")
    first = ("logs", str(_TALKS), "--container=notes")
    eventually(lambda: len(_typed(opened, *first).out.splitlines()) == 2 * len(_NOTES), "both speak again")
    return opened


def test_the_log_of_one_container_is_printed_as_it_is(opened: Team) -> None:
    """With nothing to tell apart, stdout is what the container wrote, so that it can be piped."""
    assert f"rapidrar {_COMMIT} listens on port 8080" in _logs(opened, _READY)


def test_the_lines_of_several_containers_say_whose_they_are(talked: Team) -> None:
    """Each line begins with pod and container, of all pods and all containers."""
    said = {line.partition(" ")[0] for line in _logs(talked, _TALKS)}

    expected = {f"{pod}/{name}" for pod in _pods_of(talked, _TALKS) for name in ("web", "notes")}
    assert len(expected) == 4
    assert said == expected


def test_container_and_tail_choose(talked: Team) -> None:
    """One line of the one container of each pod."""
    said = _logs(talked, _TALKS, "--container=notes", "--tail=1")

    assert sorted(said) == sorted(f"{pod}/notes note 3" for pod in _pods_of(talked, _TALKS))


def test_previous_is_what_crashed(talked: Team) -> None:
    """The words of the container that ended, and of no other."""
    said = _logs(talked, _TALKS, "--previous")

    words = (*_NOTES, "the first start fails")
    assert sorted(said) == sorted(f"{pod}/notes {word}" for pod in _pods_of(talked, _TALKS) for word in words)


def test_nothing_that_could_have_a_log_is_an_error(opened: Team) -> None:
    """No container of that name, or none that crashed: exit 1, and where to look."""
    unknown = _typed(opened, "logs", str(_READY), "--container=nobody")
    whole = _typed(opened, "logs", str(_READY), "--previous")

    assert (unknown.code, whole.code) == (1, 1)
    assert "nobody" in unknown.err
    assert f"kubepreview status {_READY}" in unknown.err


@contextmanager
def _following(team: Team, number: int, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """`logs --follow` as a process of its own."""
    words = ("logs", str(number), "--follow", f"--project={PROJECT}", *flags)
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "kubepreview", *words],
        env=environment(team.cluster.kubeconfig),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def _first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().rstrip()


def test_following_ends_when_it_is_interrupted(opened: Team) -> None:
    """It prints what was said, goes on, and an interrupt ends it as a shell expects: 130."""
    # All of it: on a slow machine it has been asked for its health many times by now.
    with _following(opened, _READY, "--tail=100000") as child:
        assert f"{_COMMIT} listens" in _first_line(child)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)

    assert (child.returncode, err) == (130, "interrupted\n")


# test


def test_the_projects_own_test_passes_against_its_preview(opened: Team) -> None:
    """preview.yml names it; it finds the address and the commit, and tells each check."""
    ended = _typed(opened, "test", str(_READY))

    assert ended.code == 0, ended.out + ended.err
    assert "ok      is the commit" in ended.out
    assert f"checks passed against {_url(opened, _READY)}" in ended.out
    assert f"running `python3 test_k8s.py` against {_url(opened, _READY)} at {_COMMIT[:7]}" in ended.err


def test_a_test_is_told_what_it_tests(opened: Team) -> None:
    """PREVIEW_URL, PREVIEW_NUMBER and EXPECTED_REVISION are in its environment."""
    script = _SHOWS_ENVIRONMENT.format(names=("PREVIEW_URL", "PREVIEW_NUMBER", "EXPECTED_REVISION"))
    ended = _typed(opened, "test", str(_READY), "--", "python3", "-c", script)

    assert ended.done().split() == [_url(opened, _READY), str(_READY), _COMMIT]


def test_a_test_that_fails_is_a_failure(opened: Team) -> None:
    """Exit 1 with the command, its exit code, the address and the commit; its words are passed on."""
    script = "import sys; print('heading is wrong'); sys.exit(3)"
    ended = _typed(opened, "test", str(_READY), "--", "python3", "-c", script)

    assert (ended.code, ended.out) == (1, "heading is wrong\n")
    assert "the test `python3 -c 'import sys;" in ended.err
    assert f"failed with exit code 3 against {_url(opened, _READY)} at {_COMMIT}" in ended.err


def test_a_commit_that_is_not_asked_for_is_not_tested(opened: Team) -> None:
    """Testing another commit than meant would prove nothing: exit 3, and both are named."""
    ended = _typed(opened, "test", str(_READY), f"--sha={sha('9')}", "--", "true")

    assert ended.code == 3
    assert f"asked to serve {_COMMIT}, not {sha('9')}" in ended.err


def test_what_is_not_ready_in_time_is_not_tested(opened: Team) -> None:
    """Exit 4 at the deadline, with what was waited for; the test has not begun."""
    ended = _typed(opened, "test", str(_WAITS), "--timeout=3s", "--", "echo", "begun")

    assert (ended.code, ended.out) == (4, "")
    assert "not seen in 3 s" in ended.err
    assert "readinessProbe" in ended.err


# open, status, list


def test_open_prints_the_link_of_what_is_ready_only(opened: Team) -> None:
    """A link that would not show the commit is not given: exit 4, and why."""
    ready, waits = (_typed(opened, "open", str(number)) for number in (_READY, _WAITS))

    assert ready.done() == f"{_url(opened, _READY)}\n"
    assert (waits.code, waits.out) == (4, "")
    assert f"the preview of pull request {_WAITS} is not ready: " in waits.err


def test_status_as_json_is_the_object(opened: Team) -> None:
    """A program reads the Preview as the apiserver has it, without the bookkeeping of field managers."""
    found = json.loads(_typed(opened, "status", str(_READY), "--output=json").done())

    assert found == opened.preview(_READY)
    assert found["status"]["served"]["sha"] == _COMMIT


def test_status_for_people_says_what_is_missing(opened: Team) -> None:
    """Of one that is ready, the link and the commit; of one that waits, the pod and its probe."""
    ready, waits = (_typed(opened, "status", str(number)).done() for number in (_READY, _WAITS))

    assert ready.splitlines()[0] == f"#{_READY} Read RAR5: ready"
    assert _COMMIT in ready
    assert "ada" in ready
    assert "readinessProbe has not passed" in waits
    assert "nothing that is known of" in waits


def test_list_as_json_is_every_open_preview(opened: Team) -> None:
    """One object each, by number."""
    found = json.loads(_typed(opened, "list", "-o", "json").done())
    numbers = [each["spec"]["pullRequest"]["number"] for each in found]

    assert numbers == sorted(numbers)
    assert {_READY, _TALKS, _WAITS} <= set(numbers)
    assert all("managedFields" not in each["metadata"] for each in found)


# up and down


def test_a_dry_run_prints_what_would_be_written_and_writes_nothing(opened: Team) -> None:
    """The apiserver has tried the very object that stdout shows, and has none."""
    ended = opened.up(_DRY, opened.service(_COMMIT, _DRY), _COMMIT, "--dry-run")
    found = yaml.safe_load(ended.done())

    assert (found["kind"], found["metadata"]["name"]) == ("Preview", f"pr-{_DRY}")
    assert found["spec"]["revision"]["sha"] == _COMMIT
    assert f"pr-{_DRY}" not in opened.names("previews", CONTROL_NAMESPACE)


def test_up_as_json_has_link_commit_and_status(opened: Team) -> None:
    """A program gets more than the link."""
    ended = opened.up(_READY, opened.folder / "ready", _COMMIT, "--output=json")
    found = json.loads(ended.done())

    assert (found["url"], found["sha"]) == (_url(opened, _READY), _COMMIT)
    ready = [each for each in found["status"]["conditions"] if each["type"] == conditions.READY]
    assert [each["status"] for each in ready] == ["True"]


def _payload(number: int, at: dt.datetime, *, state: str = "open", fork: bool = False) -> Mapping[str, Any]:
    """What GitHub sends of a pull request, as far as it matters, and a little more."""
    head = {"full_name": "eve/rapidrar" if fork else "acme/rapidrar", "fork": fork}
    return {
        "action": "synchronize" if state == "open" else "closed",
        "number": number,
        "pull_request": {
            "number": number,
            "state": state,
            "merged": state == "closed",
            "title": "Read RAR5",
            "html_url": f"https://github.com/acme/rapidrar/pull/{number}",
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "user": {"login": "ada"},
            "head": {"ref": "rar5", "sha": _COMMIT, "repo": head},
            "base": {"ref": "main", "sha": sha("0"), "repo": {"full_name": "acme/rapidrar", "fork": False}},
        },
        "repository": {"full_name": "acme/rapidrar"},
    }


def _in_a_job(team: Team, payload: Mapping[str, Any], *argv: str) -> Ended:
    """A command without any fact of the pull request, as a step of a job of GitHub Actions types it."""
    number = payload["number"]
    root = team.service(_COMMIT, number)
    event = Path(root, "event.json")
    event.write_text(json.dumps(payload))
    job = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(event)}
    return kubepreview(*argv, environ={**environment(team.cluster.kubeconfig), **job}, directory=root)


def test_a_job_of_github_actions_needs_no_words(team: Team) -> None:
    """The event gives number, commit, time, title, author and page; the closed event takes all away."""
    opened_at = dt.datetime.now(dt.UTC)  # noqa: TID251 - the test's clock
    up = _in_a_job(team, _payload(_EVENT, opened_at), "up", "--root=.")
    spec = team.preview(_EVENT)["spec"]
    answer = team.ask(_EVENT, "/version")
    closed_at = opened_at + dt.timedelta(minutes=1)
    down = _in_a_job(team, _payload(_EVENT, closed_at, state="closed"), "down")

    assert up.code == 0, up.err
    assert up.out == f"{_url(team, _EVENT)}\n"
    assert spec["pullRequest"] == {
        "number": _EVENT,
        "title": "Read RAR5",
        "author": "ada",
        "url": f"https://github.com/acme/rapidrar/pull/{_EVENT}",
        "fromFork": False,
        "draft": False,
        "labels": [],
        "base": "main",
    }
    assert spec["revision"]["sha"] == _COMMIT
    assert (answer[0], json.loads(answer[1])["sha"]) == (200, _COMMIT)
    assert down.code == 0, down.err
    assert f"{PROJECT}-pr-{_EVENT}" not in team.names("namespace")


def test_a_fork_gets_no_preview(team: Team) -> None:
    """The event says that the head is another repository's: exit 3, with the reason, and nothing is built."""
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the test's clock
    ended = _in_a_job(team, _payload(_FORK, now, fork=True), "up", "--root=.")

    assert (ended.code, ended.out) == (3, "")
    assert "ForksOff" in ended.err
    assert "push the branch to the repository itself" in ended.err
    assert f"{PROJECT}-pr-{_FORK}" not in team.names("namespace")
    assert team.down(_FORK).code == 0


def test_following_ends_with_the_last_container(talked: Team) -> None:
    """When the preview is closed there is nothing more to follow: exit 0. Last, for it closes one."""
    with _following(talked, _TALKS, "--container=web") as child:
        assert "/web rapidrar" in _first_line(child)
        talked.down(_TALKS).done()
        _, err = child.communicate(timeout=30)

    assert (child.returncode, err) == (0, "")
