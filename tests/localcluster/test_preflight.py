"""Where a node cannot run, one error says all that is in the way, and the way around."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubepreview.errors import Refused
from kubepreview.localcluster import preflight
from kubepreview.localcluster.preflight import Machine

GOOD = Machine(
    system="Linux",
    root=True,
    programs=frozenset(preflight.PROGRAM_PACKAGES),
    features=dict.fromkeys(("veth", "bridge", "overlayfs"), ""),
    controllers=frozenset({"cpu", "cpuset", "memory", "pids", "io"}),
    inotify_instances=preflight.INOTIFY_INSTANCES,
)


def test_a_good_machine_is_left_alone() -> None:
    """Nothing found, nothing raised."""
    assert list(preflight.findings(GOOD)) == []
    preflight.require(GOOD)


@pytest.mark.parametrize(
    ("machine", "where", "says"),
    [
        (replace(GOOD, system="Darwin"), "operating system", "Darwin"),
        (replace(GOOD, root=False), "user", "sudo"),
        (replace(GOOD, programs=GOOD.programs - {"ipset"}), "ipset", "apt-get install ipset"),
        (replace(GOOD, programs=GOOD.programs - {"ip"}), "ip", "apt-get install iproute2"),
        (replace(GOOD, features={"overlayfs": "unknown filesystem type"}), "overlayfs", "modprobe overlay"),
        (replace(GOOD, features={"bridge netfilter": "no"}), "bridge netfilter", "br_netfilter"),
        (
            replace(GOOD, features={preflight.NAMESPACES: "unshare failed: Operation not permitted"}),
            preflight.NAMESPACES,
            "not permitted",
        ),
        (replace(GOOD, controllers=GOOD.controllers - {"memory", "pids"}), "cgroups", "memory, pids"),
        (replace(GOOD, inotify_instances=3), "inotify", "sysctl fs.inotify.max_user_instances"),
    ],
)
def test_each_lack_is_named_with_its_cure(machine: Machine, where: str, says: str) -> None:
    """One finding for what is missing, at its place, and it says what mends it."""
    (found,) = preflight.findings(machine)

    assert found.where == where
    assert says in str(found)


def test_everything_is_told_at_once_and_another_cluster_is_offered() -> None:
    """Two lacks are one error, which also says how to do without a local cluster."""
    lacking = replace(GOOD, programs=GOOD.programs - {"nft"}, features={"veth": "Not supported"})

    with pytest.raises(Refused) as caught:
        preflight.require(lacking)

    assert "nft" in caught.value.message
    assert "veth" in caught.value.message
    assert "--context" in caught.value.hint


def test_this_machine_is_seen_as_it_is() -> None:
    """The look at a real machine gives an answer for every feature, where it may look."""
    seen = preflight.look()

    if seen.system == "Linux" and seen.root and seen.programs >= {"unshare", "ip", "mount"}:
        assert seen.features
        assert all(isinstance(because, str) for because in seen.features.values())
