"""`kubepreview demo`, as a newcomer runs it: one process, from nothing to a link, on a cluster of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from kubepreview.localcluster.layout import StateDirectory
from tests.cluster.conftest import cache, state_root
from tests.cluster.machine import lent

pytestmark = pytest.mark.timeout(600)

_STEPS = (
    "A Kubernetes node on this machine",
    "A GitHub that stands in, as github.com is not to be asked for a demo",
    "kubepreview in the cluster, and a project",
    "Staging",
    "Pull request 1: built, pushed, up, tested",
    "Pull request 2, side by side with 1 and staging",
    "A new commit on 1: the old answer is never taken for the new one",
    "A commit that crashes: it fails, and the last good one is still served",
    "Both closed: nothing is left but the receipts",
    "Pull request 2 is reopened, for you to look at",
)
_SITE = re.compile(r"http://([a-z0-9.-]+)\.localhost:\d+/ answered 20 of 20 times as ([0-9a-f]{7})")
_NAME = f"kubepreview-demo-{os.getpid()}"


@dataclass(frozen=True)
class Told:
    """What the demo said and printed."""

    transcript: str
    link: str

    def step(self, index: int) -> str:
        """What was said in one step."""
        return re.split(r"^── .*\n", self.transcript, flags=re.MULTILINE)[index + 1]

    def sites(self, index: int) -> Mapping[str, str]:
        """Which commit each site was seen to be, at the end of a step."""
        return dict(_SITE.findall(self.step(index)))


def _type(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own, at no terminal."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "kubepreview", *words],
        env={**os.environ, **environ},  # noqa: TID251 - stands in for the entry point
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    """The demo, told to its end; its cluster is removed when the tests of this module are over."""
    try:
        done = _type("demo", f"--name={_NAME}", "--ingress-port=0", "--registry-port=0")
        assert done.returncode == 0, done.stderr
        yield Told(done.stderr, done.stdout.strip())
    finally:
        _type("cluster", "down", f"--name={_NAME}")
        shutil.rmtree(cache() / "demo" / _NAME, ignore_errors=True)


def _get(address: str) -> str:
    """What is answered at an address whose host browsers, but not all resolvers, know to be this machine."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", place.path, headers={"Host": place.netloc})
        return connection.getresponse().read().decode()


def test_each_step_is_told_with_its_time(told: Told) -> None:
    """In the order of the story, and how long each took."""
    assert tuple(re.findall(r"^── (.*)$", told.transcript, re.MULTILINE)) == _STEPS
    for index in range(len(_STEPS)):
        assert re.search(r"^   \d+\.\d s$", told.step(index), re.MULTILINE), told.step(index)


def test_two_pull_requests_and_staging_are_served_side_by_side(told: Told) -> None:
    """Three sites, each with a commit of its own."""
    sites = told.sites(5)

    assert set(sites) == {"rapidrar", "pr-1.rapidrar", "pr-2.rapidrar"}
    assert len(set(sites.values())) == 3


def test_a_new_commit_is_another_answer(told: Told) -> None:
    """After the push the first pull request's site is the new commit, each time it is asked."""
    (before,), (after,) = (
        {site: seen for site, seen in told.sites(index).items() if site == "pr-1.rapidrar"}.values()
        for index in (5, 6)
    )

    assert before != after
    assert f"asks for {after}" in told.step(6)


def test_a_crash_is_told_and_changes_nothing(told: Told) -> None:
    """The last lines of the log say why; what was served before is served still."""
    crash, before = told.step(7), told.sites(6)["pr-1.rapidrar"]

    assert "CrashLoopBackOff" in crash
    assert "  | FileNotFoundError: [Errno 2] No such file or directory: 'settings.toml'" in crash
    assert f"still served: {before}" in crash
    assert "exit code 1, as it should be" in crash
    assert told.sites(7) == {"pr-1.rapidrar": before}


def test_a_close_ends_with_a_receipt(told: Told) -> None:
    """Route, pods and namespace, each with the time at which it was seen gone."""
    _, _, receipt = told.step(8).partition("receipt of rapidrar-pr-2 (")

    rows = [line.split()[:2] for line in receipt.splitlines()[1:6]]
    assert rows[0][0] == "objects"
    assert rows[1][0] == "closed"
    assert rows[2:] == [["route", "gone"], ["pods", "gone"], ["namespace", "gone"]]


def test_a_close_that_no_job_told_of_is_in_the_comment(told: Told) -> None:
    """GitHub told of it: everything of the other one was seen gone as well."""
    _, _, comment = told.step(8).partition("the comment on http://github.localhost:")

    assert re.search(r"^   \| ### Preview of `[0-9a-f]{7}`: closed$", comment, re.MULTILINE)
    for part in ("its route", "its pods", "namespace `rapidrar-pr-1`"):
        assert f"   | - {part}: seen gone at " in comment, comment


def test_the_comment_says_what_is_served(told: Told) -> None:
    """After each push it was read on the pull request: the commit, and how it is."""
    for index, states in ((4, ["ready"]), (5, ["ready"]), (6, ["ready"]), (7, ["failing"]), (9, ["ready"])):
        said = re.findall(r"/pull/[12] says: ([0-9a-f]{7}) is (\w+)$", told.step(index), re.MULTILINE)
        assert [state for _, state in said] == states, told.step(index)
        if states == ["ready"]:
            assert said[0][0] in told.sites(index).values()


def test_the_page_of_the_pull_request_shows_its_comment(told: Told) -> None:
    """As Markdown, with a link to the preview; and the page of the last one is told at the end."""
    (page,) = re.findall(r"http://github\.localhost:\d+/acme/rapidrar/pull/2(?= is its)", told.transcript)
    answer = _get(page)

    assert f'<a href="{told.link}">' in answer
    assert "ready</h3>" in answer
    assert "Deployment of" in answer


def test_staging_answered_all_the_while(told: Told) -> None:
    """It was asked many times, and answered each time."""
    found = re.search(
        r"staging was asked (\d+) times all the while, and answered (\d+) times", told.transcript
    )

    assert found
    assert found[1] == found[2]
    assert int(found[1]) > 100


def test_the_link_at_the_end_answers(told: Told) -> None:
    """It is the reopened pull request, at the commit that was told last."""
    answer = json.loads(_get(f"{told.link}version"))

    assert urlsplit(told.link).hostname == "pr-2.rapidrar.localhost"
    assert answer["sha"].startswith(told.sites(9)["pr-2.rapidrar"])


def test_what_to_try_next_works(told: Told) -> None:
    """The commands that it ends with can be typed as they are."""
    _, _, end = told.transcript.partition("look around:\n")
    (kubeconfig,) = re.findall(r"export KUBECONFIG=(\S+)", end)
    words = [line.split()[1:] for line in end.splitlines() if line.startswith("  kubepreview ")]

    assert [each[0] for each in words] == ["list", "status", "logs", "down"]
    for each in words:
        done = _type(*each, KUBECONFIG=kubeconfig)
        assert (done.returncode, bool(done.stdout)) == (0, True), done.stderr


def test_cluster_down_removes_it(told: Told) -> None:
    """The last line says how; no process is left, the directory is gone, and so is the link."""
    assert f"kubepreview cluster down --name {_NAME}" in told.transcript
    state = StateDirectory(state_root() / _NAME)
    done = _type("cluster", "down", "--name", _NAME)

    assert done.returncode == 0, done.stderr
    assert lent(state)["processes"] == []
    assert not state.path.exists()
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", urlsplit(told.link).port, timeout=10).connect()
