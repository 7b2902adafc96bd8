"""This version takes over what an earlier one has made: live previews go on, and old objects can be read.

The earlier version is installed and used by its own commands, from its own source.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kubepreview.core import conditions
from kubepreview.localcluster import cluster
from tests.cluster.conftest import cache, options, state_root
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import PROJECT, Team, application, sha
from tests.commands import environment

_ARCHIVE = Path(__file__).with_name("before-lifecycle.tar.xz")
_COMMIT, _NEXT = sha("1"), sha("2")
_LIVE, _CLOSED = 1, 2
_REPLICAS = 2


@pytest.fixture(scope="module")
def old_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The earlier version, unpacked."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(_ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return source


@pytest.fixture(scope="module")
def upgraded(old_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A cluster in which the earlier version has opened one preview and closed another, not yet upgraded."""
    name = f"kubepreview-test-{os.getpid()}-upgrade"
    try:
        running = asyncio.run(cluster.up(options(name), lambda _progress: None))
        team = Team(running, tmp_path_factory.mktemp("checkouts"), cache())
        _of_old(old_source, team, "install")
        create = ("project", "create", PROJECT, "--repository=acme/rapidrar", "--revision-path=/version")
        where = (f"--port={running.ingress[1]}", f"--image-prefix={running.registry}/")
        _of_old(old_source, team, *create, *where)
        root = team.checkout("old", *application(team.image(_COMMIT), replicas=_REPLICAS))
        for number in (_LIVE, _CLOSED):
            _of_old(old_source, team, "up", str(number), f"--root={root}", f"--sha={_COMMIT}")
        _of_old(old_source, team, "down", str(_CLOSED), f"--project={PROJECT}")
        yield team
    finally:
        asyncio.run(cluster.down(state_root(), name))


def _of_old(source: Path, team: Team, *argv: str) -> None:
    """A command of the earlier version."""
    done = subprocess.run(  # noqa: S603 - the test's own words
        [sys.executable, "-m", "kubepreview", *argv],
        cwd=source,
        env=environment(team.cluster.kubeconfig),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"


def _pods(team: Team) -> set[tuple[str, int]]:
    """The pods of the live preview, and how often their containers have started again."""
    said = json.loads(kubectl(team.cluster, "get", "pods", f"-n={PROJECT}-pr-{_LIVE}", "-o=json"))
    return {
        (pod["metadata"]["uid"], each["restartCount"])
        for pod in said["items"]
        for each in pod["status"]["containerStatuses"]
    }


@contextmanager
def _visited(team: Team) -> Iterator[set[str]]:
    """Every answer that a visitor gets meanwhile."""
    answers: set[str] = set()
    over = threading.Event()

    def visit() -> None:
        while not over.wait(0.05):
            answers.add(team.served(_LIVE))

    visitor = threading.Thread(target=visit, name="visitor")
    visitor.start()
    try:
        yield answers
    finally:
        over.set()
        visitor.join()


@pytest.mark.timeout(300)
def test_an_upgrade_takes_over_live_previews_and_starts_no_pod_again(upgraded: Team) -> None:
    """Visitors notice nothing; what the earlier version wrote is read; everything new works on it."""
    before = _pods(upgraded)
    with _visited(upgraded) as answers:
        upgraded.type("install").done()
        # What only this version knows of has been written into the status.
        eventually(lambda: "expiresAt" in upgraded.preview(_LIVE)["status"], "this version has looked at it")
        listed = upgraded.type("list", f"--project={PROJECT}").done()
        shown = upgraded.type("status", str(_CLOSED), f"--project={PROJECT}").done()
    after = _pods(upgraded)

    assert len(before) == _REPLICAS
    assert after == before
    assert answers == {_COMMIT}
    assert f"pr-{_LIVE}" in listed
    assert "Closed" in shown
    assert upgraded.condition(_LIVE, conditions.READY) == ("True", "Ready")


@pytest.mark.timeout(300)
def test_what_is_new_works_on_a_preview_of_before(upgraded: Team) -> None:
    """It sleeps, wakes with as many pods as it had, takes a new commit, opens again, and closes."""
    for verb in ("sleep", "wake"):
        upgraded.type(verb, str(_LIVE), f"--project={PROJECT}").done()
    woken = len(_pods(upgraded))
    root = upgraded.checkout("new", *application(upgraded.image(_NEXT), replicas=_REPLICAS))
    pushed = [upgraded.up(number, root, _NEXT) for number in (_LIVE, _CLOSED)]
    served = [upgraded.served(number) for number in (_LIVE, _CLOSED)]
    closed = [upgraded.down(number) for number in (_LIVE, _CLOSED)]

    assert woken == _REPLICAS
    assert [(each.code, each.err) for each in (*pushed, *closed) if each.code] == []
    assert served == [_NEXT, _NEXT]
    assert [name for name in upgraded.names("namespace") if name.startswith(f"{PROJECT}-pr-")] == []
