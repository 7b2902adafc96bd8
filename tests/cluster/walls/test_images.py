"""What runs is what was recorded, also where the tag that a commit was built as is pushed anew meanwhile."""

from __future__ import annotations

import itertools
import json
import os
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.cluster.machine import kubectl
from tests.cluster.team import PROJECT, Team, application, sha
from tests.figures import Figures

_RACES: Final = int(os.environ.get("KUBEPREVIEW_RACES", "12"))  # noqa: TID251 — an entry point of tests
_NUMBER: Final = 195
_PROJECT: Final = "raced"
_SPACE: Final = f"{_PROJECT}-pr-{_NUMBER}"
_TAG: Final = "race"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"


def _manifest(team: Team, reference: str) -> tuple[bytes, str]:
    """A manifest's bytes and type, by its digest."""
    url = f"http://{team.cluster.registry}/v2/{PROJECT}/manifests/{reference}"
    request = urllib.request.Request(url, headers={"Accept": _MANIFEST})
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 — the same
        return answer.read(), answer.headers["Content-Type"]


@contextmanager
def _pushing(team: Team, digests: tuple[str, ...]) -> Iterator[None]:
    """The tag stands for one image after the other, as fast as the registry takes it."""
    manifests, is_over = [_manifest(team, digest) for digest in digests], threading.Event()
    url = f"http://{team.cluster.registry}/v2/{PROJECT}/manifests/{_TAG}"

    def push() -> None:
        for body, kind in itertools.cycle(manifests):
            request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Type": kind})
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 — the same
            if is_over.wait(0.01):
                return

    thread = threading.Thread(target=push)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _recorded(team: Team) -> str:
    """The digest that the Preview names."""
    (deployment,) = (
        each for each in team.preview(_NUMBER)["spec"]["manifests"] if each["kind"] == "Deployment"
    )
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image.rpartition("@")[2]


def _running(team: Team) -> set[str]:
    """The digests that the kubelet says it runs, of the pods that are ready."""
    listed = json.loads(kubectl(team.cluster, "get", "pods", f"--namespace={_SPACE}", "-o", "json"))["items"]
    return {
        status["imageID"].rpartition("@")[2]
        for pod in listed
        if "deletionTimestamp" not in pod["metadata"]
        for status in pod["status"]["containerStatuses"]
    }


@pytest.mark.timeout(1500)
def test_what_runs_is_what_was_recorded(team: Team, figures: Figures) -> None:
    """`up` is given the tag, takes the digest it stands for at that moment, and every pod runs that one."""
    commits = (sha("a"), sha("b"))
    digests = tuple(team.image(commit).rpartition("@")[2] for commit in commits)
    tagged = f"{team.cluster.registry}/{PROJECT}:{_TAG}"
    # What is served does not say which commit it is, so that only the digest does.
    raced = team.with_project(_PROJECT, "--revision-path=")
    same = 0
    with _pushing(team, digests):
        for race in range(_RACES):
            # Something changes each time, so that each time pods are made.
            objects = application("rapidrar", env=[{"name": "RACE", "value": str(race)}])
            root = raced.checkout("races", *objects)
            raced.up(_NUMBER, root, commits[race % 2], f"--image=rapidrar={tagged}").done()
            same += _running(raced) == {_recorded(raced)}
    raced.down(_NUMBER).done()
    raced.leave_project()

    figures.count("images", same, _RACES)
    assert same == _RACES
