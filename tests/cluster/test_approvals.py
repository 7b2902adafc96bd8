"""A fork's pull request: each commit needs the word of somebody who may give it, and CI is nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepreview.core import conditions
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import Team, sha
from tests.commands import Ended, environment, kubepreview

_FIRST, _SECOND = sha("a"), sha("b")
_NUMBER = 350
_PROJECT = "forked"
_PAGE = f"https://github.com/acme/{_PROJECT}/pull/{_NUMBER}"


@pytest.fixture(scope="module")
def forked(team: Team) -> Iterator[Team]:
    """A project that takes approved commits of forks."""
    forked = team.with_project(_PROJECT, "--forks=Approved")
    yield forked
    forked.down(_NUMBER).done()
    forked.leave_project()


@pytest.fixture(scope="module")
def ci(forked: Team, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the project's CI is given."""
    path = tmp_path_factory.mktemp("ci") / "kubeconfig"
    path.write_text(forked.type("project", "ci-kubeconfig", _PROJECT).out)
    return path


def _up(team: Team, ci: Path, commit: str) -> Ended:
    root = team.service(commit, _NUMBER)
    flags = (f"--root={root}", f"--sha={commit}", "--from-fork", f"--url={_PAGE}")
    return kubepreview("up", str(_NUMBER), *flags, environ=environment(ci), directory=root)


def _approve(team: Team, commit: str, kubeconfig: Path | None = None) -> Ended:
    argv = ("approve", str(_NUMBER), f"--sha={commit}", f"--project={team.project}")
    environ = environment(kubeconfig or team.cluster.kubeconfig)
    return kubepreview(*argv, environ=environ, directory=team.folder)


def _patched(team: Team, kubeconfig: Path, spec: dict[str, Any]) -> str:
    """What the apiserver says to this change of the spec."""
    patch = json.dumps({"spec": spec})
    where = ("preview", f"pr-{_NUMBER}", f"--namespace={team.control_namespace}")
    return kubectl(
        team.cluster,
        f"--kubeconfig={kubeconfig}",
        "patch",
        *where,
        "--type=merge",
        f"--patch={patch}",
        check=False,
    )


def test_each_commit_of_a_fork_needs_its_own_approval(forked: Team, ci: Path) -> None:
    """Nothing is built before; an approval lets in this commit, and the next push waits for its own."""
    refused = _up(forked, ci, _FIRST)
    spaces = forked.names("namespace")
    of_another = _approve(forked, _SECOND)
    approved = _approve(forked, _FIRST)
    eventually(lambda: forked.condition(_NUMBER, conditions.READY)[0] == "True", "it is served")
    pushed = _up(forked, ci, _SECOND)
    served = forked.served(_NUMBER)
    again = _approve(forked, _SECOND)
    eventually(lambda: forked.served(_NUMBER) == _SECOND, "the second is served")

    assert refused.code == 3
    assert f"kubepreview approve {_NUMBER} --sha {_FIRST}" in refused.err
    assert f"{_PROJECT}-pr-{_NUMBER}" not in spaces
    assert of_another.code == 3
    assert f"asks for {_FIRST} by now" in of_another.err
    assert approved.code == 0, approved.err
    assert f"{_PAGE}/commits/{_FIRST}" in approved.err
    assert pushed.code == 3
    assert served == _FIRST
    assert again.code == 0, again.err
    assert f"https://github.com/acme/{_PROJECT}/compare/{_FIRST}...{_SECOND}" in again.err
    assert forked.preview(_NUMBER)["spec"]["approval"]["by"] == "kubernetes-admin"


def test_ci_approves_nothing_and_makes_no_fork_its_own(forked: Team, ci: Path) -> None:
    """The apiserver itself says no, however it is written."""
    by_command = _approve(forked, _SECOND, ci)
    approval = {"sha": _FIRST, "by": "ada", "at": "2026-01-02T03:04:05Z"}
    by_hand = _patched(forked, ci, {"approval": approval})
    as_admin = _patched(forked, forked.cluster.kubeconfig, {"pullRequest": {"fromFork": False}})
    unchanged = forked.preview(_NUMBER)["spec"]

    assert by_command.code == 3
    for said in (by_command.err, by_hand):
        assert "it takes the verb approve on previews.kubepreview.dev" in said
    assert "fromFork cannot become false" in as_admin
    assert (unchanged["approval"]["sha"], unchanged["pullRequest"]["fromFork"]) == (_SECOND, True)
