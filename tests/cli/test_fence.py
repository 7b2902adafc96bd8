"""`up` and `down`, not waiting, against a real apiserver: what is written, and what the fence refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepreview.core import keys
from tests.cli.conftest import IMAGE, Cluster
from tests.commands import Ended, kubepreview

# What the apiserver puts where nothing was said.
_PLAIN = {"number": 7, "fromFork": False, "draft": False, "labels": []}
SHA, LATER_SHA = "a" * 40, "b" * 40
EARLY, TIME, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"


class Commands:
    """The two commands, for one repository and cluster."""

    def __init__(self, cluster: Cluster, repository: Path) -> None:
        self._cluster = cluster
        self._repository = repository

    def up(self, number: int = 7, *, sha: str = SHA, at: str = TIME, image: str = IMAGE) -> Ended:
        """Declare, and do not wait."""
        words = ("--sha", sha, "--observed-at", at, "--image", image, "--no-wait")
        return self("up", str(number), *words)

    def down(self, number: int = 7, *, at: str = TIME) -> Ended:
        """Close, and do not wait."""
        return self("down", str(number), "--observed-at", at, "--no-wait")

    def __call__(self, *argv: str, environ: dict[str, str] | None = None) -> Ended:
        """Any command."""
        return kubepreview(
            *argv, environ={**self._cluster.environ, **(environ or {})}, directory=self._repository
        )


@pytest.fixture
def run(cluster: Cluster, repository: Path) -> Commands:
    """The commands, in the test's repository."""
    return Commands(cluster, repository)


def test_up_writes_the_preview_and_prints_the_link_alone(run: Commands, cluster: Cluster, scope: str) -> None:
    """Stdout is the link; the object holds the commit, the time, the entry and the rendered objects."""
    done = run.up()

    assert (done.code, done.out) == (0, "http://pr-7.rapidrar.example.com/\n"), done.err
    spec = cluster.get(scope, 7)["spec"]
    assert spec["revision"] == {"sha": SHA, "observedAt": TIME}
    assert (spec["project"], spec["state"]) == ("rapidrar", "Open")
    assert spec["entry"] == {"service": "web", "port": 80, "path": "/"}
    assert {obj["kind"] for obj in spec["manifests"]} == {"Deployment", "Service"}
    assert IMAGE.partition("=")[2] in json.dumps(spec["manifests"])


def test_up_with_an_older_time_is_refused_by_the_cluster(run: Commands, cluster: Cluster, scope: str) -> None:
    """The late job exits 3 with the cluster's own words, and the later commit stays."""
    run.up(sha=LATER_SHA, at=LATER)

    late = run.up(sha=SHA, at=TIME)

    assert late.code == 3
    assert "fenced: revision.observedAt" in late.err
    assert late.out == ""
    assert cluster.get(scope, 7)["spec"]["revision"]["sha"] == LATER_SHA


def test_up_after_down_needs_a_later_time(run: Commands, cluster: Cluster, scope: str) -> None:
    """A deploy job that wakes up after the close is refused; a reopened pull request is not."""
    run.up(at=EARLY)
    assert run.down(at=TIME).code == 0

    assert run.up(at=TIME).code == 3
    assert run.up(at=EARLY).code == 3
    assert cluster.get(scope, 7)["spec"]["state"] == "Closed"

    assert run.up(at=LATER).code == 0
    assert cluster.get(scope, 7)["spec"]["state"] == "Open"


def test_down_of_what_was_never_there_leaves_a_tombstone(run: Commands, cluster: Cluster, scope: str) -> None:
    """A close that overtakes its deploy job is recorded, and fences it."""
    assert run.down(at=TIME).code == 0

    spec = cluster.get(scope, 7)["spec"]
    assert (spec["state"], spec["revision"]["observedAt"]) == ("Closed", TIME)
    late = run.up(at=TIME)
    assert late.code == 3
    assert "this preview was closed" in late.err


def test_down_keeps_the_record_of_what_was_asked(run: Commands, cluster: Cluster, scope: str) -> None:
    """Closing changes state and time; the commit and its objects stay for whoever reads the record."""
    run.up()

    run.down(at=LATER)

    spec = cluster.get(scope, 7)["spec"]
    assert spec["revision"] == {"sha": SHA, "observedAt": LATER}
    assert len(spec["manifests"]) == 2


def test_down_twice_is_free(run: Commands, cluster: Cluster, scope: str) -> None:
    """A second close, older or equal, succeeds and changes nothing."""
    run.up()
    run.down(at=LATER)
    before = cluster.get(scope, 7)["metadata"]["resourceVersion"]

    assert run.down(at=LATER).code == 0
    assert run.down(at=TIME).code == 0
    assert cluster.get(scope, 7)["metadata"]["resourceVersion"] == before


def test_a_late_close_does_not_close_a_reopened_preview(run: Commands, cluster: Cluster, scope: str) -> None:
    """The later event wins, whichever arrives last: a close of before the reopening is refused."""
    run.up(at=LATER)

    late = run.down(at=TIME)

    assert late.code == 3
    assert "fenced:" in late.err
    assert cluster.get(scope, 7)["spec"]["state"] == "Open"


def test_a_person_at_a_terminal_declares_what_is_now(run: Commands, cluster: Cluster, scope: str) -> None:
    """Without an event's time, `down` and `up` come through, one after the other, any number of times."""
    far = "2100-01-01T00:00:00Z"
    assert run.up(at=far).code == 0

    for _ in range(2):
        assert run("down", "7", "--no-wait").code == 0
        assert cluster.get(scope, 7)["spec"]["state"] == "Closed"
        assert run("up", "7", "--sha", SHA, "--image", IMAGE, "--no-wait").code == 0
        assert cluster.get(scope, 7)["spec"]["state"] == "Open"


def test_up_owns_what_it_writes(run: Commands, cluster: Cluster, scope: str) -> None:
    """Server-side apply under one manager: a title that is no longer given is gone."""
    run("up", "7", "--sha", SHA, "--observed-at", TIME, "--image", IMAGE, "--title", "Old", "--no-wait")
    assert cluster.get(scope, 7)["spec"]["pullRequest"] == {**_PLAIN, "title": "Old"}

    run.up(at=LATER)

    assert cluster.get(scope, 7)["spec"]["pullRequest"] == _PLAIN
    managers = [entry["manager"] for entry in cluster.get(scope, 7)["metadata"]["managedFields"]]
    assert managers == [keys.CLI_MANAGER]


def test_dry_run_prints_the_preview_and_writes_nothing(run: Commands, cluster: Cluster, scope: str) -> None:
    """What would be written is data on stdout, and the fence has its say before."""
    words = ("--sha", SHA, "--observed-at", TIME, "--image", IMAGE, "--dry-run")

    done = run("up", "7", *words)

    printed = yaml.safe_load(done.out)
    assert (done.code, printed["kind"], printed["metadata"]["name"]) == (0, "Preview", "pr-7")
    assert run("status", "7").code == 1
    run.down(at=LATER)
    assert run("up", "7", *words).code == 3
    del cluster, scope


def event_file(path: Path, **changes: Any) -> dict[str, str]:
    """The environment of a GitHub Actions step for a pull request's event."""
    pull_request = {
        "number": 7,
        "state": "open",
        "title": "Read RAR5",
        "html_url": "https://github.com/acme/rapidrar/pull/7",
        "updated_at": TIME,
        "user": {"login": "ada"},
        "head": {"sha": SHA, "repo": {"full_name": "acme/rapidrar"}},
        "base": {"repo": {"full_name": "acme/rapidrar"}},
    }
    path.write_text(json.dumps({"pull_request": pull_request | changes}))
    return {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path)}


def test_in_github_actions_the_event_says_it_all(
    run: Commands, cluster: Cluster, scope: str, tmp_path: Path
) -> None:
    """Number, commit, time, title, author and page are the event's; `down` needs no argument either."""
    environ = event_file(tmp_path / "event.json")

    assert run("up", "--image", IMAGE, "--no-wait", environ=environ).code == 0
    spec = cluster.get(scope, 7)["spec"]
    assert spec["revision"] == {"sha": SHA, "observedAt": TIME}
    assert spec["pullRequest"] == {
        **_PLAIN,
        "title": "Read RAR5",
        "author": "ada",
        "url": "https://github.com/acme/rapidrar/pull/7",
    }

    closed = event_file(tmp_path / "event.json", state="closed", updated_at=LATER)
    refused = run("up", "--image", IMAGE, "--no-wait", environ=closed)
    assert (refused.code, cluster.get(scope, 7)["spec"]["state"]) == (3, "Open")
    assert run("down", "--no-wait", environ=closed).code == 0
    assert cluster.get(scope, 7)["spec"]["state"] == "Closed"


def test_what_the_cluster_would_refuse_is_told_before_it_is_sent(
    run: Commands, repository: Path, cluster: Cluster, scope: str
) -> None:
    """A hostPath gives object, field, rule and cure, exit code 3, and no object in the cluster."""
    manifests = (repository / "k8s/web.yaml").read_text()
    volume = "      volumes: [{name: root, hostPath: {path: /}}]\n      containers:"
    (repository / "k8s/web.yaml").write_text(manifests.replace("      containers:", volume))

    done = run.up()

    assert done.code == 3
    assert (
        "Deployment/web: spec.template.spec.volumes[0].hostPath: a preview's pod does not reach" in done.err
    )
    assert run("status", "7").code == 1
    sent = ("--sha", SHA, "--observed-at", TIME, "--image", IMAGE, "--no-wait", "--skip-precheck")
    assert run("up", "7", *sent).code == 0  # the walls in the cluster are the controller's matter
    del cluster, scope


def test_an_image_of_the_workflow_must_be_given(run: Commands) -> None:
    """A forgotten --image is told by name before anything is rendered."""
    done = run("up", "7", "--sha", SHA, "--no-wait")

    assert done.code == 2
    assert "--image web: is missing (preview.yml says that the workflow builds web)" in done.err


def test_an_image_that_goes_nowhere_is_told(run: Commands) -> None:
    """A misspelt name would show the wrong image; it is refused."""
    done = run("up", "7", "--sha", SHA, "--image", IMAGE, "--image", "wep=x.example/w@sha256:" + "1" * 64)

    assert done.code == 2
    assert "wep" in done.err


def test_a_missing_project_is_told_with_the_way_to_make_it(run: Commands) -> None:
    """Exit code 1, and the command that creates it."""
    done = run("up", "7", "--sha", SHA, "--image", IMAGE, "--project", "nope", "--no-wait")

    assert done.code == 1
    assert "there is no PreviewProject nope-previews/nope" in done.err
    assert "kubepreview project create" in done.err
