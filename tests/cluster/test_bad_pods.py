"""Revisions that are written and then do not run: what `up` says of them, and what goes on being served.

An image that is not there, a container that ends at once, a probe that never passes: all three are declared
side by side, two of them over an earlier revision that runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kubepreview.core import conditions
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import PROJECT, Team, application, sha
from tests.commands import Ended

_GOOD, _BAD = sha("1"), sha("b")
_MISSING, _CRASH, _UNREADY = 30, 31, 32
_LAST_WORDS = "cannot open /etc/web.toml"
_CRASHES = {"command": ["python3", "-c", f"import sys; print({_LAST_WORDS!r}); sys.exit(7)"]}
_NEVER_READY = {
    "readinessProbe": {"httpGet": {"path": "/no-such-path", "port": "http"}, "periodSeconds": 1},
}


def _missing_image(team: Team) -> str:
    return f"{team.cluster.registry}/{PROJECT}@sha256:{'0' * 64}"


def _up(team: Team, number: int, commit: str, image: str, container: Mapping[str, Any], *flags: str) -> Ended:
    root = team.checkout(f"pods-{number}-{commit[:7]}", *application(image, **container))
    return team.up(number, root, commit, *flags)


@pytest.fixture(scope="module")
def ended(team: Team) -> Iterator[Mapping[int, Ended]]:
    """What `up` said of each bad revision; all are closed when this module is over."""
    image = team.image(_GOOD)

    def over_a_good_one(number: int, bad_image: str, container: Mapping[str, Any]) -> Ended:
        good = _up(team, number, _GOOD, image, {})
        assert good.code == 0, good.err
        return _up(team, number, _BAD, bad_image, container)

    with ThreadPoolExecutor() as pool:
        running = {
            _MISSING: pool.submit(over_a_good_one, _MISSING, _missing_image(team), {}),
            _CRASH: pool.submit(over_a_good_one, _CRASH, image, _CRASHES),
            _UNREADY: pool.submit(_up, team, _UNREADY, _BAD, image, _NEVER_READY, "--timeout=30s"),
        }
        yield {number: each.result() for number, each in running.items()}
        list(pool.map(team.down, running))


def test_an_image_that_does_not_exist_is_named(team: Team, ended: Mapping[int, Ended]) -> None:
    """Exit 1 with the pod, the container, the image and the registry's word; the status says it too."""
    said = ended[_MISSING]

    assert said.code == 1, said.err
    for words in ("Pod/web-", "container web", f"image {_missing_image(team)}", "not found"):
        assert words in said.err
    truth, reason = team.condition(_MISSING, conditions.AVAILABLE)
    assert (truth, reason in ("ErrImagePull", "ImagePullBackOff")) == ("False", True)


def test_a_container_that_crashes_is_told_with_its_last_words(team: Team, ended: Mapping[int, Ended]) -> None:
    """Exit 1 with the pod, the exit code, how often it was tried, and the last lines of its log."""
    said = ended[_CRASH]

    assert said.code == 1, said.err
    for words in ("CrashLoopBackOff", "Pod/web-", "container web", "exit code 7", "restarted", _LAST_WORDS):
        assert words in said.err
    assert team.condition(_CRASH, conditions.AVAILABLE) == ("False", "CrashLoopBackOff")
    assert team.preview(_CRASH)["status"]["failure"]["logTail"] == [_LAST_WORDS]


@pytest.mark.parametrize("number", [_MISSING, _CRASH])
def test_the_earlier_revision_is_still_served(team: Team, ended: Mapping[int, Ended], number: int) -> None:
    """`up` says so, the status says so, and so does the address."""
    assert f"still served: {_GOOD}" in ended[number].err
    assert team.preview(number)["status"]["served"]["sha"] == _GOOD
    assert {team.served(number) for _ in range(10)} == {_GOOD}
    assert team.condition(number, conditions.READY)[0] == "False"


def test_a_probe_that_never_passes_ends_the_wait(ended: Mapping[int, Ended]) -> None:
    """Exit 4 at the deadline, with what was waited for: object, pod, container, and its probe."""
    said = ended[_UNREADY]

    assert said.code == 4, said.err
    for words in (
        "not seen in 30 s",
        "Deployment/web: 0 of 1 pods available",
        "Pod/web-",
        "container web runs, and its readinessProbe has not passed",
        "--timeout",
    ):
        assert words in said.err
    assert said.out == ""


def test_what_is_not_ready_is_not_served(team: Team, ended: Mapping[int, Ended]) -> None:
    """The ingress leads to no pod, and the preview claims nothing."""
    assert ended[_UNREADY].code == 4
    assert team.ask(_UNREADY, "/version")[0] in (404, 503)
    assert "served" not in team.preview(_UNREADY)["status"]
    assert team.condition(_UNREADY, conditions.AVAILABLE) == ("False", "Progressing")


def test_a_good_commit_mends_a_bad_one(team: Team, ended: Mapping[int, Ended]) -> None:
    """The next push is all it takes: the failure is forgotten, and no pod of the bad revision is left."""
    assert ended[_CRASH].code == 1
    image = team.image(sha("2"))

    good = _up(team, _CRASH, sha("2"), image, {})

    assert good.code == 0, good.err
    assert team.served(_CRASH) == sha("2")
    assert "failure" not in team.preview(_CRASH)["status"]
    # A pod that is ending when the new one serves has its grace still.
    eventually(lambda: _images(team, _CRASH) == {image}, "only the good revision's pods are left")


def _images(team: Team, number: int) -> set[str]:
    path = "jsonpath={.items[*].spec.containers[*].image}"
    return set(kubectl(team.cluster, "get", "pods", f"--namespace={PROJECT}-pr-{number}", "-o", path).split())


def test_a_revision_that_is_not_accepted_leaves_the_earlier_one_served(
    team: Team, ended: Mapping[int, Ended]
) -> None:
    """Exit 3, and what is still served is said, recorded, and answered."""
    assert ended[_MISSING].code == 1
    rights = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "x"}}
    root = team.checkout("pods-rights", *application(team.image(_GOOD)), rights)

    refused = team.up(_MISSING, root, _BAD, "--skip-precheck")

    assert refused.code == 3, refused.err
    assert "KindNotAllowed" in refused.err
    assert f"still served: {_GOOD}" in refused.err
    assert team.preview(_MISSING)["status"]["served"]["sha"] == _GOOD
    assert team.served(_MISSING) == _GOOD


def test_closing_what_does_not_run_leaves_nothing(team: Team, ended: Mapping[int, Ended]) -> None:
    """A pod that cannot start does not keep its namespace."""
    assert ended[_MISSING].code == 1

    closed = team.down(_MISSING)

    assert closed.code == 0, closed.err
    assert f"{PROJECT}-pr-{_MISSING}" not in team.names("namespace")
    assert team.ask(_MISSING, "/version")[0] == 404
