"""Addresses: no two clusters, and no cluster and the machine, share any."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network
from itertools import combinations

import pytest

from kubepreview.errors import Refused
from kubepreview.localcluster import network, ranges


def test_candidates_never_overlap() -> None:
    """Any two choices can run side by side."""
    for one, other in combinations(ranges.candidates(), 2):
        assert ranges.overlaps(one, other.networks()) is None


def test_the_first_choice_is_what_people_know() -> None:
    """On a machine without other routes than its default, pods are in 10.244."""
    first = next(ranges.free([IPv4Network("0.0.0.0/0"), IPv4Network("192.168.1.0/24")]))

    assert str(first.pods) == "10.244.0.0/20"
    assert (str(first.host), str(first.node)) == ("10.246.0.1", "10.246.0.2")
    assert (str(first.apiserver), str(first.dns)) == ("10.245.0.1", "10.245.0.10")
    assert first.ingress in first.services


@pytest.mark.parametrize(
    ("taken", "pods"),
    [
        ("10.244.0.0/20", "10.244.16.0/20"),
        ("10.245.3.0/24", "10.244.16.0/20"),
        ("10.246.0.2/32", "10.244.16.0/20"),
        ("10.244.0.0/16", "10.212.0.0/20"),
        ("10.240.0.0/12", "10.212.0.0/20"),
    ],
)
def test_a_route_of_the_machine_is_stepped_around(taken: str, pods: str) -> None:
    """Whatever of the three ranges a route touches, another choice is taken."""
    assert str(next(ranges.free([IPv4Network(taken)])).pods) == pods


def test_a_machine_that_routes_all_of_it_is_refused() -> None:
    """When every candidate collides, the error says how to get room."""
    with pytest.raises(Refused) as caught:
        list(ranges.free([IPv4Network("10.0.0.0/8")]))

    assert "ip route" in caught.value.hint


def test_routes_are_read_from_the_listing() -> None:
    """Networks and single hosts count; the default route, broadcast and multicast do not."""
    listing = """[
        {"dst": "default", "gateway": "192.0.2.1"},
        {"dst": "10.8.0.0/16", "dev": "tun0"},
        {"dst": "192.0.2.7", "type": "local"},
        {"type": "broadcast", "dst": "192.0.2.255"}
    ]"""

    assert network.routes(listing) == (ip_network("10.8.0.0/16"), ip_network("192.0.2.7/32"))
