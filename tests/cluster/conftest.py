"""One real cluster for the whole run, on ports of its own.

``KUBEPREVIEW_KEEP=1`` leaves it running as `kubepreview-test`, and the next run with it takes it over:
that spares the seconds of its start while one test is being written.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubepreview.localcluster import cluster
from kubepreview.localcluster.cluster import ClusterOptions, RunningCluster
from tests.cluster.team import Team

_KEPT = "kubepreview-test"
_OF_A_RUN = re.compile(rf"{_KEPT}-(\d+)")


def state_root() -> Path:
    """Where `kubepreview cluster` keeps state, so that a kept cluster is found by name."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"  # noqa: TID251 - entry point of tests
    return Path(home) / "kubepreview"


def cache() -> Path:
    """Where the programs are kept, so that no test compiles them."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251 - entry point of tests
    return Path(home) / "kubepreview"


def options(name: str) -> ClusterOptions:
    """A cluster on ports that nobody else uses."""
    return ClusterOptions(
        state_root=state_root(), cache=cache(), name=name, ingress_port=0, api_port=0, registry_port=0
    )


@pytest.fixture(scope="session")
def local_cluster() -> Iterator[RunningCluster]:
    """A cluster of this run: node, DNS, ingress, registry and network policies all work."""
    keep = os.environ.get("KUBEPREVIEW_KEEP") == "1"  # noqa: TID251 - entry point of tests
    name = _KEPT if keep else f"{_KEPT}-{os.getpid()}"
    _remove_those_of_killed_runs()
    try:
        yield asyncio.run(cluster.up(options(name), lambda _progress: None))
    finally:
        if not keep:
            asyncio.run(cluster.down(state_root(), name))


@pytest.fixture(scope="session")
def team(local_cluster: RunningCluster, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """The cluster with the controller of this source in it, and the project of the example."""
    return Team.settled(local_cluster, tmp_path_factory.mktemp("checkouts"), cache())


def _remove_those_of_killed_runs() -> None:
    for path in state_root().glob(f"{_KEPT}-*"):
        run = _OF_A_RUN.fullmatch(path.name)
        if run and not Path("/proc", run[1]).exists():
            asyncio.run(cluster.down(state_root(), path.name))
