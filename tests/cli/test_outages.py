"""An apiserver that goes away while `up` waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.conftest import install, make_repository, make_scope
from tests.cli.test_outcome import said
from tests.cli.test_waits import SERVED, UP, Background, is_asked
from tests.kube.controlplane import ControlPlane


@pytest.fixture
def mortal(apiserver: ControlPlane, tmp_path: Path) -> Iterator[Background]:
    """Commands on a control plane of the test's own, which it may hurt."""
    (tmp_path / "plane").mkdir()
    (tmp_path / "checkout").mkdir()
    plane = ControlPlane(apiserver.find, tmp_path / "plane")
    try:
        asyncio.run(plane.start())
        cluster = install(plane, tmp_path)
        scope = make_scope(cluster)
        with ThreadPoolExecutor() as pool:
            yield Background(cluster, make_repository(tmp_path / "checkout", scope), scope, pool)
    finally:
        plane.stop()


def test_up_survives_a_restart_of_the_apiserver(mortal: Background) -> None:
    """It notes the outage, goes on by itself, and ends well."""
    plane = mortal.cluster.plane
    up = mortal.start(*UP, "--timeout", "100s")
    mortal.when(is_asked, what="the preview written")

    plane.apiserver.kill()
    asyncio.run(plane.start_apiserver())
    mortal.say(said() | SERVED)

    done = up.result(timeout=90)
    assert (done.code, done.out) == (0, "http://pr-7.rapidrar.example.com/\n"), done.err


def test_up_exits_5_when_the_apiserver_does_not_come_back(mortal: Background) -> None:
    """It tries until its deadline; then the exit code says that the cluster did not answer."""
    up = mortal.start(*UP, "--timeout", "15s")
    mortal.when(is_asked, what="the preview written")
    mortal.cluster.plane.apiserver.kill()

    done = up.result(timeout=60)

    assert done.code == 5
    assert done.err.count("trying on") == 1
    assert "the cluster does not answer" in done.err
