"""`sleep` and `wake` against a real apiserver, where a test speaks for the controller."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubepreview.core.wire import Object
from tests.cli.conftest import Cluster


def _wish(cluster: Cluster, scope: str) -> Object:
    found: Object = cluster.get(scope, 7)["spec"].get("lifetime", {}).get("sleep", {})
    return found


def test_each_wish_is_a_wish_of_its_own(cluster: Cluster, opened: Path, scope: str) -> None:
    """To sleep, to wake and to sleep again are three; what else was asked for stays."""
    cluster.type(opened, "extend", "7", "--keep", "--timeout=1s")
    wishes = []
    for command in ("sleep", "wake", "sleep"):
        done = cluster.type(opened, command, "7", "--timeout=1s")
        assert done.code == 4
        assert "the controller said nothing of it" in done.err
        wishes.append(_wish(cluster, scope))

    assert [wish["asleep"] for wish in wishes] == [True, False, True]
    assert len({wish["id"] for wish in wishes}) == 3
    assert cluster.get(scope, 7)["spec"]["lifetime"]["keep"] is True


@pytest.mark.parametrize("command", ["sleep", "wake"])
def test_what_is_closed_neither_sleeps_nor_wakes(
    cluster: Cluster, opened: Path, scope: str, command: str
) -> None:
    """Exit 3; the way back is `up`."""
    cluster.type(opened, "down", "7", "--no-wait")

    done = cluster.type(opened, command, "7")

    assert done.code == 3
    assert "`kubepreview up` opens it again" in done.err
    assert _wish(cluster, scope) == {}


@pytest.mark.parametrize("command", ["sleep", "wake"])
def test_what_is_not_there_is_not_found(cluster: Cluster, opened: Path, command: str) -> None:
    """Exit 1, with the name of what was looked for."""
    done = cluster.type(opened, command, "8")

    assert done.code == 1
    assert "pull request 8" in done.err
