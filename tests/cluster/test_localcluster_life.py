"""The life of a cluster: two at once, everything killed, mended, refused, and gone without a trace.

Each test has clusters of its own, since it ends them.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubepreview.errors import Failed, NotFound, Refused
from kubepreview.localcluster import cluster, host
from kubepreview.localcluster.cluster import ClusterOptions, RunningCluster
from kubepreview.localcluster.layout import StateDirectory
from tests.cluster.conftest import cache
from tests.cluster.machine import (
    config_of,
    kubectl,
    lent,
    outer_process,
    program_of,
    run,
    state_of,
)

_PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kube-router",
    "containerd",
    "registry",
    "publish",
)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A state directory of the test's own; what runs below it is ended with the test."""
    yield tmp_path
    for path in tmp_path.iterdir():
        asyncio.run(cluster.down(tmp_path, path.name))


def _options(root: Path, name: str) -> ClusterOptions:
    return ClusterOptions(
        state_root=root, cache=cache(), name=name, ingress_port=0, api_port=0, registry_port=0
    )


def _up(root: Path, name: str = "life") -> RunningCluster:
    return asyncio.run(cluster.up(_options(root, name), lambda _progress: None))


def _down(root: Path, name: str = "life") -> bool:
    return asyncio.run(cluster.down(root, name))


def _kill(pid: int) -> None:
    """End it, and see that it has ended."""
    process = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        assert select.select([process], [], [], 10)[0], "it ends"
    finally:
        os.close(process)


def _remember(running: RunningCluster, value: str) -> None:
    kubectl(running, "create", "configmap", value)


def _remembers(running: RunningCluster, value: str) -> bool:
    return "not found" not in kubectl(running, "get", "configmap", value, check=False)


def test_down_leaves_nothing_behind(root: Path) -> None:
    """Listed before and after: processes, mounts, interfaces, routes, rules, cgroups, directories, kernel."""
    state = StateDirectory.of(root, "life")
    before = lent(state)

    running = _up(root)
    during = lent(state)
    assert _down(root)

    assert {kind for kind in before if during[kind] != before[kind]} >= {
        "processes",
        "interfaces",
        "routes",
        "cgroups",
    }, "the listing sees a cluster that runs"
    assert lent(state) == before
    assert list(root.iterdir()) == []
    assert not running.kubeconfig.exists()
    assert not _down(root), "down twice is free"


def test_up_twice_is_free(root: Path) -> None:
    """A second `up` starts no program again, does no step, and reports none."""
    first = _up(root)
    before = cluster.inspect(root, "life")
    steps: list[str] = []

    second = asyncio.run(cluster.up(_options(root, "life"), lambda progress: steps.append(progress.step)))

    assert second == first
    assert steps == []
    assert before.node is not None
    assert cluster.inspect(root, "life").node == before.node


@pytest.mark.timeout(300)
def test_every_program_that_is_killed_comes_back(root: Path) -> None:
    """After SIGKILL to each program in turn, `up` finds or makes the cluster well, and its data is there."""
    running = _up(root)
    _remember(running, "kept")

    for name in _PROGRAMS:
        killed = program_of(running, name)
        _kill(killed)
        assert _up(root) == running
        assert program_of(running, name) != killed
        assert _remembers(running, "kept")

    seen = cluster.inspect(root, "life")
    assert seen.node is not None
    assert seen.node.components["etcd"].restarts == 1, "the node itself went on"
    assert "was killed by SIGKILL" in seen.node.components["etcd"].last_exit


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", ["the node's first process", "the process that made the namespaces"])
def test_a_node_that_is_killed_whole_comes_back_with_its_data(root: Path, victim: str) -> None:
    """Killing either of the two outermost processes ends all; `up` starts anew over the same data."""
    running = _up(root)
    _remember(running, "kept")
    image = f"{running.registry}/kept:1"
    crane = config_of(running).program("crane")
    (root / "file").write_text("x")
    run("tar", "-C", str(root), "-cf", str(root / "layer.tar"), "file")
    run(crane, "append", "-f", str(root / "layer.tar"), "-t", image)
    for name in ("file", "layer.tar"):
        (root / name).unlink()
    first = host.first_process(state_of(running))
    pid = first if victim == "the node's first process" else outer_process(running)

    _kill(pid)

    assert _up(root) == running
    assert _remembers(running, "kept")
    assert run(crane, "digest", image).startswith("sha256:")


def test_what_a_killed_run_left_is_cleared_by_the_next(root: Path) -> None:
    """An interface and a cgroup of an earlier run do not stand in the way, and are gone after `down`."""
    state = StateDirectory.of(root, "life")
    before = lent(state)
    run("ip", "link", "add", state.host_interface, "type", "veth", "peer", "name", "kpleft")
    left = Path("/sys/fs/cgroup/memory" if Path("/sys/fs/cgroup/memory").exists() else "/sys/fs/cgroup")
    (left / state.cgroup / "kubepods" / "pod-1").mkdir(parents=True)

    _up(root)
    _down(root)

    assert lent(state) == before


@pytest.mark.timeout(300)
def test_two_clusters_do_not_touch_each_other(root: Path) -> None:
    """Side by side on their own addresses; the end of one is not noticed by the other."""
    running = [_up(root, name) for name in ("one", "two")]
    networks = [network for each in running for network in config_of(each).ranges.networks()]
    for index, network in enumerate(networks):
        assert not any(network.overlaps(other) for other in networks[index + 1 :])
    for each in running:
        _remember(each, f"of-{each.name}")
    assert not _remembers(running[0], "of-two")
    seen = cluster.inspect(root, "two")

    _down(root, "one")

    assert _up(root, "two") == running[1]
    assert _remembers(running[1], "of-two")
    after = cluster.inspect(root, "two")
    assert seen.node is not None
    assert after.node is not None
    assert seen.node.components == after.node.components, "no program of the other was restarted"


def test_a_program_that_exits_early_is_named(root: Path) -> None:
    """The error carries the program's name, its exit code and its last lines, and comes at once."""
    state = StateDirectory.of(root, "life")
    state.path.mkdir(parents=True)
    (state.path / "etcd").write_text("not a directory")

    with pytest.raises(Failed) as caught:
        _up(root)

    assert "etcd exited with 1 after" in caught.value.message
    assert "not a directory" in caught.value.message
    assert cluster.inspect(root, "life").state == "failed"


def test_a_port_in_use_is_refused_by_name(root: Path) -> None:
    """Nothing is started on a port that somebody else listens on; the error says which, and the flag."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ClusterOptions(
            state_root=root, cache=cache(), name="life", ingress_port=port, registry_port=0
        )
        with pytest.raises(Refused) as caught:
            asyncio.run(cluster.up(options, lambda _progress: None))

    assert f"port {port} of 127.0.0.1" in caught.value.message
    assert "--ingress-port" in caught.value.hint


def test_a_cluster_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    """Asking for what does not exist says so, and makes nothing."""
    with pytest.raises(NotFound):
        cluster.kubeconfig(tmp_path, "nobody")
    with pytest.raises(NotFound):
        cluster.logs(tmp_path, "nobody", "etcd")
    assert cluster.inspect(tmp_path, "nobody").state == "absent"
    assert list(tmp_path.iterdir()) == []
