"""Waiting for a real apiserver's object, whose status the test writes as a controller would."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from kubepreview.core.wire import Object
from kubepreview.errors import NotFound
from kubepreview.kube.wait import NotYet, wait_until
from tests.cli.conftest import IMAGE, Cluster
from tests.cli.test_outcome import RECEIPT, SINCE, said
from tests.commands import Ended, kubepreview

SHA, OLD_SHA = "a" * 40, "b" * 40
UP = ("up", "7", "--sha", SHA, "--observed-at", "2026-01-02T00:00:00Z", "--image", IMAGE)
SERVED = {"served": {"sha": SHA, "since": SINCE}, "url": "http://pr-7.rapidrar.example.com/"}


class Background:
    """A command that runs while the test plays the controller."""

    def __init__(self, cluster: Cluster, repository: Path, scope: str, pool: ThreadPoolExecutor) -> None:
        self.cluster = cluster
        self.scope = scope
        self.repository = repository
        self._pool = pool

    def start(self, *argv: str) -> Future[Ended]:
        """Run it on a thread of its own."""
        return self._pool.submit(kubepreview, *argv, environ=self.cluster.environ, directory=self.repository)

    def run(self, *argv: str) -> Ended:
        """Run it to its end."""
        return kubepreview(*argv, environ=self.cluster.environ, directory=self.repository)

    def when(self, is_so: Callable[[Object], bool], *, what: str) -> Object:
        """The Preview, once it is so."""

        async def look() -> Object:
            try:
                found = await asyncio.to_thread(self.cluster.get, self.scope, 7)
            except NotFound as error:
                raise NotYet("it is not there") from error
            if not is_so(found):
                raise NotYet(f"it has {found['spec']}")
            return found

        return asyncio.run(wait_until(look, what=what, timeout_s=20))

    def say(self, status: Object) -> None:
        """Write a status."""
        self.cluster.write_status(self.scope, 7, status)


@pytest.fixture
def background(cluster: Cluster, repository: Path, scope: str) -> Iterator[Background]:
    """Commands on threads; all have ended when the test has."""
    with ThreadPoolExecutor() as pool:
        yield Background(cluster, repository, scope, pool)


def is_asked(preview: Object) -> bool:
    """Whether the commit of `up` is asked for."""
    return bool(preview["spec"]["revision"]["sha"] == SHA and preview["spec"]["state"] == "Open")


def is_closed(preview: Object) -> bool:
    """Whether it is closed."""
    return bool(preview["spec"]["state"] == "Closed")


def test_up_ends_when_the_commit_is_served(background: Background) -> None:
    """It waits through every state before, and prints the link once this SHA was seen."""
    up = background.start(*UP)
    background.when(is_asked, what="the preview written")
    background.say(said(Applied=("False", "Waiting", "waiting for x"), Ready=("False", "Waiting", "")))
    background.say(said() | {"served": {"sha": OLD_SHA, "since": SINCE}})
    assert not up.done()
    background.say(said() | SERVED)

    done = up.result(timeout=30)

    assert (done.code, done.out) == (0, "http://pr-7.rapidrar.example.com/\n"), done.err
    assert "✓ revision served" in done.err


def test_up_ends_when_the_commit_crashes(background: Background) -> None:
    """Exit code 1, the pod's reason, and the last lines of its log."""
    up = background.start(*UP)
    background.when(is_asked, what="the preview written")
    failure = {
        "object": "Pod/web-1",
        "reason": "CrashLoopBackOff",
        "message": "m",
        "logTail": ["no such file"],
    }
    crash = ("False", "CrashLoopBackOff", "Pod/web-1 container web: it ended with exit code 1")
    background.say(said(Available=crash, Ready=crash) | {"failure": failure})

    done = up.result(timeout=30)

    assert (done.code, done.out) == (1, "")
    assert "CrashLoopBackOff" in done.err
    assert "  | no such file" in done.err


def test_of_two_ups_the_later_event_wins(background: Background) -> None:
    """The first is told that it was superseded, and by which commit; it exits 3."""
    up = background.start(*UP)
    background.when(is_asked, what="the preview written")
    later = (
        "up",
        "7",
        "--sha",
        OLD_SHA,
        "--observed-at",
        "2026-01-03T00:00:00Z",
        "--image",
        IMAGE,
        "--no-wait",
    )
    assert background.run(*later).code == 0

    done = up.result(timeout=30)

    assert done.code == 3
    assert f"superseded by {OLD_SHA}" in done.err


def test_a_close_ends_a_waiting_up(background: Background) -> None:
    """The pull request was closed while its preview came up: exit code 3."""
    up = background.start(*UP)
    background.when(is_asked, what="the preview written")
    assert background.run("down", "7", "--no-wait").code == 0

    done = up.result(timeout=30)

    assert done.code == 3
    assert "was closed at" in done.err


def test_up_gives_up_at_its_deadline_and_says_what_it_saw(background: Background) -> None:
    """Exit code 4, with the last condition."""
    up = background.start(*UP, "--timeout", "3s")
    background.when(is_asked, what="the preview written")
    waiting = ("False", "Progressing", "waiting for Deployment/web: 0 of 1 pods available")
    background.say(said(Available=waiting, Ready=waiting))

    done = up.result(timeout=30)

    assert done.code == 4
    assert "not seen in 3 s; last seen: Progressing: waiting for Deployment/web: 0 of 1 pods" in done.err


def test_without_a_controller_up_says_so(background: Background) -> None:
    """Nobody wrote a status: the error leads to `doctor` and `install`."""
    done = background.run(*UP, "--timeout", "1s")

    assert done.code == 4
    assert "the controller said nothing of it" in done.err
    assert "kubepreview install" in done.err


def test_down_waits_for_the_receipt_and_prints_it(background: Background) -> None:
    """Text for people; every part with the time at which it was seen gone."""
    background.run(*UP, "--no-wait")
    down = background.start("down", "7")
    generation = background.when(is_closed, what="the preview closed")["metadata"]["generation"]
    background.say(said(generation, Ready=("False", "Closing", "closing")) | {"receipt": RECEIPT})
    gone = RECEIPT | {"podsGoneAt": SINCE, "namespaceGoneAt": SINCE}
    background.say(said(generation, Ready=("False", "Closed", "closed")) | {"receipt": gone})

    done = down.result(timeout=30)

    assert done.code == 0, done.err
    assert "receipt of rapidrar-pr-7" in done.out
    assert "namespace  gone 2026-01-02T03:00:00Z" in done.out
    again = background.run("down", "7", "--output", "json")
    assert json.loads(again.out)["receipt"]["namespaceGoneAt"] == SINCE


def test_down_names_what_blocks_it(background: Background) -> None:
    """It waits until its deadline, and exits 4 with the blocker."""
    background.run(*UP, "--no-wait")
    down = background.start("down", "7", "--timeout", "3s")
    generation = background.when(is_closed, what="the preview closed")["metadata"]["generation"]
    blocked = RECEIPT | {"blockers": ["PersistentVolumeClaim/data: finalizer example.com/hold"]}
    message = "namespace x cannot go: PersistentVolumeClaim/data: finalizer example.com/hold"
    background.say(said(generation, Ready=("False", "Blocked", message)) | {"receipt": blocked})

    done = down.result(timeout=30)

    assert done.code == 4
    assert "last seen: Blocked: namespace x cannot go: PersistentVolumeClaim/data: finalizer" in done.err


def test_an_interrupt_ends_the_wait_and_not_the_preview(background: Background) -> None:
    """Ctrl-C exits 130; what was declared stays declared."""
    child = subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "-m", "kubepreview", *UP],
        cwd=background.repository,
        env=dict(background.cluster.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        background.when(is_asked, what="the preview written")
        assert child.stderr is not None
        while "waiting for the controller" not in child.stderr.readline():
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    finally:
        child.kill()

    assert (child.returncode, err) == (130, "interrupted\n")
    assert is_asked(background.cluster.get(background.scope, 7))


def test_status_list_and_open_tell_the_same_story(background: Background) -> None:
    """One screen, one line, one link; JSON is the object itself."""
    background.run(*UP, "--no-wait")
    background.say(said() | SERVED | {"pods": "1/1"})

    status, listed = background.run("status", "7"), background.run("list")
    assert status.code == 0
    assert "#7: ready" in status.out
    assert f"served     {SHA}" in status.out
    assert listed.out.splitlines()[1].split()[:3] == ["7", "Open", "True"]
    assert background.run("open", "7").out == "http://pr-7.rapidrar.example.com/\n"
    assert json.loads(background.run("status", "7", "-o", "json").out)["spec"]["revision"]["sha"] == SHA

    waiting = ("False", "Progressing", "0 of 1")
    background.say(said(Ready=waiting, Available=waiting))
    closed = background.run("open", "7")
    assert (closed.code, closed.out) == (4, "")
    assert "Progressing: 0 of 1" in closed.err


def test_a_closed_preview_is_listed_only_when_asked_for(background: Background) -> None:
    """`list` shows what is open or closing; `--all` the records too."""
    background.run(*UP, "--no-wait")
    background.run("down", "7", "--no-wait")
    assert "Closed" in background.run("list").out  # closing: nobody has seen it gone
    background.say(said(2, Ready=("False", "Closed", "closed")))

    assert background.run("list").out == ""
    assert "Closed" in background.run("list", "--all").out
    assert len(json.loads(background.run("list", "--all", "-o", "json").out)) == 1


def test_test_runs_against_the_commit_that_is_served(background: Background) -> None:
    """The test finds the link, the number and the commit in its environment, and decides the exit code."""
    background.run(*UP, "--no-wait")
    background.say(said() | SERVED)
    script = (
        "import os; print(*(os.environ[n] for n in ('PREVIEW_URL', 'PREVIEW_NUMBER', 'EXPECTED_REVISION')))"
    )

    passed = background.run("test", "7", "--", sys.executable, "-c", script)
    assert (passed.code, passed.out) == (0, f"http://pr-7.rapidrar.example.com/ 7 {SHA}\n"), passed.err
    recorded = background.when(lambda preview: "test" in preview["spec"], what="it is recorded")["spec"][
        "test"
    ]
    assert (recorded["sha"], recorded["passed"], recorded["output"]) == (SHA, True, passed.out)

    # What was written is seen by the controller, as any change is.
    background.say(said(2) | SERVED)
    failed = background.run("test", "7", "--", sys.executable, "-c", "import sys; sys.exit(9)")
    assert failed.code == 1
    assert "failed with exit code 9" in failed.err


def test_test_does_not_run_against_anything_else(background: Background, tmp_path: Path) -> None:
    """Another commit is refused at once; one that is not ready in time exits 4; nothing was run."""
    background.run(*UP, "--no-wait")
    mark = tmp_path / "ran"
    command = ("--", sys.executable, "-c", f"open({str(mark)!r}, 'w')")

    assert background.run("test", "7", "--sha", OLD_SHA, *command).code == 3
    assert background.run("test", "7", "--timeout", "1s", *command).code == 4
    assert not mark.exists()
