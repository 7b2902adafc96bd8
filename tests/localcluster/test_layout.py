"""Names that follow from a cluster's name and place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubepreview.errors import InvalidInput
from kubepreview.localcluster.layout import StateDirectory


@pytest.mark.parametrize("name", ["a", "kubepreview", "pr-7", "0", "a" * 40])
def test_a_good_name_is_a_directory(name: str, tmp_path: Path) -> None:
    """Each cluster has the directory of its name."""
    state = StateDirectory.of(tmp_path, name)

    assert state.path == tmp_path / name
    assert state.name == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a/b", "..", "a" * 41, "a b", "a\n"])
def test_a_bad_name_is_refused(name: str, tmp_path: Path) -> None:
    """A name that could leave its directory, or that is none for a node, is told at once."""
    with pytest.raises(InvalidInput) as caught:
        StateDirectory.of(tmp_path, name)

    assert repr(name) in caught.value.message


def test_one_name_under_two_roots_is_two_clusters() -> None:
    """Nothing that the kernel knows by name is shared between them."""
    one, other = (StateDirectory.of(Path(root), "same") for root in ("/a", "/b"))

    assert one.cgroup != other.cgroup
    assert one.host_interface != other.host_interface
    assert one.bridge != other.bridge


def test_interface_names_fit_the_kernel() -> None:
    """An interface name has 15 bytes at most."""
    state = StateDirectory.of(Path("/a"), "n" * 40)

    assert len(state.host_interface) <= 15
    assert len(state.bridge) <= 15
