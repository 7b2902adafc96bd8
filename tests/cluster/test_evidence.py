"""What is left to look at when a preview has failed, and when it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.machine import kubectl
from tests.cluster.team import CONTROL_NAMESPACE, PROJECT, Team, application, sha
from tests.commands import Ended

_GOOD, _BAD = sha("9"), sha("0")
_NUMBER = 199
_LAST_WORDS = "cannot reach postgres://app:hunter22@db/app"


@pytest.fixture(scope="module")
def closed(team: Team) -> Iterator[Team]:
    """A preview that served one commit, failed with the next, and was closed."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "stringData": {"p": "hunter22"},
    }
    good = team.checkout("evidence", *application(team.image(_GOOD)), secret)
    assert team.up(_NUMBER, good, _GOOD).code == 0
    crash = ["python3", "-c", f"import sys; print({_LAST_WORDS!r}); sys.exit(7)"]
    bad = team.checkout("evidence-2", *application(team.image(_BAD), command=crash), secret)
    assert team.up(_NUMBER, bad, _BAD).code == 1
    assert team.down(_NUMBER).code == 0
    yield team
    kubectl(team.cluster, "delete", "preview", f"pr-{_NUMBER}", f"--namespace={CONTROL_NAMESPACE}")
    assert [name for name in team.names("configmap", CONTROL_NAMESPACE) if f"pr-{_NUMBER}" in name] == []


def _evidence(team: Team, *flags: str) -> Ended:
    return team.type("evidence", str(_NUMBER), f"--project={PROJECT}", *flags)


def test_what_a_commit_died_of_can_be_read_when_all_of_it_is_gone(closed: Team) -> None:
    """Conditions with their times, events, logs and manifests; and no secret."""
    shown = _evidence(closed)

    assert shown.code == 0, shown.err
    newest, _, earlier = shown.out.partition("Failed at ")
    assert newest.startswith("Closed at ")
    assert _BAD in earlier
    assert "CrashLoopBackOff" in earlier
    assert "cannot reach postgres://[masked]@db/app" in earlier
    assert "Ready=False" in earlier
    # The commit before still ran when it was closed, and its log is there too.
    assert "current log of web-" in newest
    assert "Pod/web-" in newest
    assert "hunter22" not in shown.out


def test_it_can_be_saved_as_files(closed: Team, tmp_path: Path) -> None:
    """One folder for each, and never over what is there."""
    folder = tmp_path / "evidence"

    saved = _evidence(closed, f"--save={folder}")
    again = _evidence(closed, f"--save={folder}")

    assert saved.code == 0, saved.err
    place = folder / f"failed-{_BAD[:7]}"
    assert {"conditions.txt", "events.txt", "logs"} <= {each.name for each in place.iterdir()}
    assert "hunter22" not in "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert "kind: Deployment" in (place / "manifests.yaml").read_text()
    assert any("cannot reach" in path.read_text() for path in place.rglob("*.log"))
    assert again.code == 2
    assert "is there already" in again.err


def test_what_was_never_there_has_no_evidence(closed: Team) -> None:
    """Exit 1, with the name of what was looked for."""
    ended = closed.type("evidence", "424242", f"--project={PROJECT}")

    assert ended.code == 1
    assert "pull request 424242" in ended.err
