"""Which cgroups a node gets, on machines of every kind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubepreview.localcluster import cgroups
from kubepreview.localcluster.cgroups import Hierarchy

_V1 = """\
tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0
"""
_HYBRID = f"{_V1}cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n"
_V2 = """\
proc /proc proc rw 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate 0 0
"""


@pytest.mark.parametrize(
    ("mounts", "directories", "v2"),
    [
        (_V1, ["cpu,cpuacct/node", "memory/node", "systemd/node"], False),
        (_HYBRID, ["cpu,cpuacct/node", "memory/node", "systemd/node", "unified/node"], False),
        (_V2, ["node"], True),
    ],
)
def test_a_node_has_a_cgroup_in_every_tree(mounts: str, directories: list[str], *, v2: bool) -> None:
    """One directory a hierarchy; only where v2 stands alone does it keep the limits."""
    trees = cgroups.hierarchies(mounts)

    assert [str(path) for path in cgroups.directories(trees, "node")] == [
        f"/sys/fs/cgroup/{path}" for path in directories
    ]
    assert cgroups.is_v2_only(trees) is v2


def test_on_v2_controllers_are_handed_down_to_the_pods() -> None:
    """First the root hands each controller to the node's cgroup, then that to its children."""
    (tree,) = cgroups.hierarchies(_V2)

    written = [(str(file), text) for file, text in cgroups.enabling(tree, "node")]

    controllers = ("cpuset", "cpu", "io", "memory", "pids")
    assert written == [
        *(("/sys/fs/cgroup/cgroup.subtree_control", f"+{name}") for name in controllers),
        *(("/sys/fs/cgroup/node/cgroup.subtree_control", f"+{name}") for name in controllers),
    ]


def test_a_v1_tree_has_nothing_to_hand_down() -> None:
    """v1 gives a child all that its parent has."""
    assert cgroups.enabling(Hierarchy(Path("/c"), v2=False, controllers=frozenset({"cpu"})), "node") == ()


def test_a_tree_that_is_mounted_twice_is_one() -> None:
    """A second mount over the same place is the one that is seen."""
    again = "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"

    assert cgroups.hierarchies(_V1 + again) == cgroups.hierarchies(_V1)


async def test_removing_what_is_not_there_is_done(tmp_path: Path) -> None:
    """A cluster that never had a cgroup has none to remove, and no process to end."""
    trees = (Hierarchy(tmp_path, v2=True, controllers=frozenset()),)

    await cgroups.kill(trees, "absent", timeout_s=1)
    await cgroups.remove(trees, "absent", timeout_s=1)

    assert cgroups.processes(trees, "absent") == frozenset()


def test_a_cgroup_that_is_removed_while_it_is_read_has_no_processes() -> None:
    """The kernel answers ENODEV then, not that there is no such file: another cluster went down just now."""
    tree = cgroups.hierarchies(Path("/proc/mounts").read_text())[0]
    cgroup = tree.path / f"kubepreview-test-{os.getpid()}"
    cgroup.mkdir()
    with (cgroup / "cgroup.procs").open() as members:
        cgroup.rmdir()

        assert cgroups.pids_in(members) == frozenset()
