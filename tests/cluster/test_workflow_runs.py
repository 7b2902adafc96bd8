"""The workflow that `init` writes runs, as it is, against a real cluster, registry and ingress.

`act` is the runner, on this machine and without containers. What stands in for actions of others is told in
tests/action/seam; what they are asked is the workflow's own.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from kubepreview.cli import own_commit
from kubepreview.core import workflow
from kubepreview.kube.wait import wait_until
from tests.action.programs import act
from tests.cluster.github_scene import OPENED, Scene, staged
from tests.cluster.team import EXAMPLE, Team
from tests.commands import kubepreview

_ROOT: Final = Path(__file__).parents[2]
_SEAM: Final = _ROOT / "tests/action/seam"
_PROJECT: Final = "flowing"
_NUMBER: Final = 351
_RUN_S: Final = 240
_SECRETS: Final = (workflow.KUBECONFIG_SECRET, "REGISTRY_USERNAME", "REGISTRY_PASSWORD")
_USES: Final = re.compile(r"uses: ((?:actions|docker)/([\w-]+)@[0-9a-f]{40})")


@dataclass
class _Repository:
    """A checkout with the example and its workflow, as it would be on GitHub."""

    root: Path
    program: Path
    scene: Scene
    environ: Mapping[str, str]
    at: dt.datetime = OPENED
    events: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """On GitHub."""
        return f"acme/{self.scene.team.project}"

    def commit(self, **files: str) -> str:
        """Write files, commit them, and give the commit's SHA."""
        for name, text in files.items():
            (self.root / name).write_text(text)
        self.git("add", "--all")
        self.git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def git(self, *words: str) -> str:
        """What git says in it."""
        command = ["git", "-C", str(self.root), *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
        return done.stdout.strip()

    def event(self, action: str, *, merged: bool = False) -> Path:
        """Something happens to the pull request now; the event of it, as GitHub would send it."""
        self.at += dt.timedelta(minutes=1)
        is_closed = action == "closed"
        github, name, head = self.scene.github, self.name, self.git("rev-parse", "HEAD")
        if is_closed:
            github.close(name, _NUMBER, self.at, merged=merged)
        else:
            github.open(name, _NUMBER, self.at, head=head)
        side = {"repo": {"full_name": name}}
        pull_request: dict[str, Any] = {
            "number": _NUMBER,
            "state": "closed" if is_closed else "open",
            "merged": merged,
            "title": f"a title; $(touch {self.root.parent}/pwned) `id`",
            "html_url": "",
            "user": {"login": "ada"},
            "updated_at": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "draft": False,
            "labels": [],
            "base": {**side, "ref": "main"},
            "head": {**side, "sha": head},
        }
        path = self.root.parent / f"event-{len(self.events)}.json"
        self.events.append(action)
        path.write_text(json.dumps({"action": action, "number": _NUMBER, "pull_request": pull_request}))
        return path

    async def start(self, action: str, **how: bool) -> asyncio.subprocess.Process:
        """A run of the workflow for an event, as far as it has begun."""
        words = [f"--workflows={workflow.FILE}", f"--eventpath={self.event(action, **how)}"]
        words += ["--platform=ubuntu-24.04=-self-hosted"]
        words += [f"--secret={name}" for name in _SECRETS if name in self.environ]
        words += [f"--local-repository={what}" for what in self._local()]
        with (self.root.parent / f"run-{len(self.events)}.log").open("w") as log:
            return await asyncio.create_subprocess_exec(
                *(str(self.program), "pull_request", *words),
                cwd=self.root,
                env=self.environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def run(self, action: str, **how: bool) -> int:
        """A whole run; its exit code."""
        process = await self.start(action, **how)
        async with asyncio.timeout(_RUN_S):
            return await process.wait()

    @property
    def last_log(self) -> str:
        """What the last run printed."""
        return (self.root.parent / f"run-{len(self.events)}.log").read_text()

    def _local(self) -> list[str]:
        text = (self.root / workflow.FILE).read_text()
        others = [f"{uses}={_SEAM / name}" for uses, name in dict(_USES.findall(text)).items()]
        return [f"{workflow.ACTION}@{own_commit.find()}={self.root.parent / 'action'}", *others]


@pytest.fixture(scope="module")
def flowing(team: Team) -> Iterator[Team]:
    """A project of its own, with the example's path that tells the commit."""
    flowing = team.with_project(_PROJECT)
    yield flowing
    flowing.leave_project()


@pytest.fixture(scope="module")
def publishing(team: Team) -> Iterator[Team]:
    """Another, whose manifests the controller takes."""
    place = f"{team.cluster.registry}/rapidrar/previews"
    publishing = team.with_project("publishing", f"--artifacts={place}")
    yield publishing
    publishing.leave_project()


def _published(target: Path) -> None:
    """The action as it would be fetched: the files of this source, and nothing that lies beside them."""
    listing = ["git", "-C", str(_ROOT), "ls-files", "-z", "action.yml", "kubepreview", "requirements"]
    listed = subprocess.run(listing, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
    for name in filter(None, listed.stdout.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_ROOT / name, target / name)


@asynccontextmanager
async def _repository(team: Team, folder: Path, *flags: str) -> AsyncIterator[_Repository]:
    root = folder / "rapidrar"
    shutil.copytree(EXAMPLE, root)
    _published(folder / "action")
    program = await act()
    registry = f"{team.cluster.registry}/rapidrar"
    environ = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - an entry point of tests
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(team.cache.parent),
        "XDG_STATE_HOME": str(team.cluster.kubeconfig.parents[2]),
        "SEAM_KUBEPREVIEW": str(Path(sys.executable).with_name("kubepreview")),
        "SEAM_CLUSTER": team.cluster.name,
        "SEAM_SOURCE": str(root),
        "REGISTRY_USERNAME": "anybody",
        "REGISTRY_PASSWORD": "anything",
    }
    async with staged(team, folder) as scene:
        if not flags:
            kubeconfig = await scene.type("project", "ci-kubeconfig", team.project)
            environ[workflow.KUBECONFIG_SECRET] = kubeconfig.done()
        repository = _Repository(root, program, scene, environ)
        repository.git("init", "--quiet", "--initial-branch=main")
        repository.git("remote", "add", "origin", f"https://github.com/{repository.name}.git")
        words = ("init", "--force", f"--registry={registry}", *flags)
        (await asyncio.to_thread(kubepreview, *words, environ=environ, directory=root)).done()
        yield repository


@pytest.mark.timeout(900)
async def test_a_pull_requests_whole_life_runs_through_the_workflow(flowing: Team, tmp_path: Path) -> None:
    """Opened, pushed, failing in each way, cancelled, closed, reopened and merged."""
    async with _repository(flowing, tmp_path) as repository:
        first = repository.commit()
        assert await repository.run("opened") == 0, repository.last_log
        await _is_served(repository, first)
        await _says(repository, "ready", "| Test | passed at")

        second = repository.commit(README="more")
        assert await repository.run("synchronize") == 0, repository.last_log
        await _is_served(repository, second)

        await _what_fails_fails_and_harms_nothing(repository, second)
        await _a_cancelled_job_leaves_what_was_asked_for(repository)

        assert await repository.run("closed") == 0, repository.last_log
        await _says(repository, "closed", "seen gone at")
        last = repository.commit(README="again")
        assert await repository.run("reopened") == 0, repository.last_log
        await _is_served(repository, last)
        assert await repository.run("closed", merged=True) == 0, repository.last_log
        await _says(repository, "closed", "seen gone at")

    assert not (tmp_path / "pwned").exists()


@pytest.mark.timeout(300)
async def test_the_same_without_any_way_to_the_cluster(publishing: Team, tmp_path: Path) -> None:
    """The job publishes, and that is all; the controller builds, tells of it, and closes."""
    async with _repository(publishing, tmp_path, "--publish") as repository:
        first = repository.commit()
        assert await repository.run("opened") == 0, repository.last_log
        await _is_served(repository, first)
        await _says(repository, "ready", first)
        repository.event("closed", merged=True)
        await _says(repository, "closed", "seen gone at")

    assert workflow.KUBECONFIG_SECRET not in repository.environ


async def _what_fails_fails_and_harms_nothing(repository: _Repository, served: str) -> None:
    """A build, then a test: each run fails, and what is served stays served, or is said to have failed."""
    dockerfile = (repository.root / "Dockerfile").read_text()
    repository.commit(Dockerfile=dockerfile + "\nRUN exit 7\n")
    assert await repository.run("synchronize") != 0
    await _is_served(repository, served)

    test = (repository.root / "test_k8s.py").read_text()
    untested = repository.commit(**{"Dockerfile": dockerfile, "test_k8s.py": "raise SystemExit('not so')"})
    assert await repository.run("synchronize") != 0
    await _is_served(repository, untested)
    await _says(repository, "ready", "| Test | failed at")
    (repository.root / "test_k8s.py").write_text(test)


async def _a_cancelled_job_leaves_what_was_asked_for(repository: _Repository) -> None:
    """The cluster goes on without the runner."""
    sha = repository.commit(README="cancelled")
    process = await repository.start("synchronize")

    async def asked_for() -> bool | None:
        return (await repository.scene.preview(_NUMBER))["spec"]["revision"]["sha"] == sha or None

    await wait_until(asked_for, what="the job has asked for it", timeout_s=120)
    os.killpg(process.pid, signal.SIGINT)
    async with asyncio.timeout(60):
        await process.wait()
    await _is_served(repository, sha)


async def _is_served(repository: _Repository, sha: str) -> None:
    async def served() -> bool | None:
        status: dict[str, Any] = (await repository.scene.preview(_NUMBER)).get("status", {})
        return status.get("served", {}).get("sha") == sha or None

    await wait_until(served, what=f"{sha[:7]} is served", timeout_s=90)


async def _says(repository: _Repository, state: str, words: str) -> None:
    """The one comment on the pull request."""

    async def said() -> bool | None:
        comments = repository.scene.github.said(repository.name, _NUMBER)
        bodies = [each.body for each in comments]
        return (len(bodies) == 1 and f": {state}" in bodies[0].splitlines()[1] and words in bodies[0]) or None

    await wait_until(said, what=f"the comment says {state}", timeout_s=90)
