"""Rendering a hostile checkout asks nobody, reads nothing beside it, runs nothing, and ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.figures import Figures
from tests.security.trees import CANARY, NAMES, plant

# A program may take 30 s (`render.programs`); the rest is for a machine that does other things meanwhile.
_LONGEST_S: Final = 60
# Packets are counted on their way out; there is a route, and nobody behind it.
_COUNTED: Final = """\
ip link set lo up && ip link add out0 type veth peer name out1 && ip link set out0 up && ip link set out1 up
ip address add 192.0.2.1/24 dev out0 && ip route add default via 192.0.2.2 dev out0
nft add table inet t && nft 'add chain inet t out { type filter hook output priority 0; }'
nft 'add rule inet t out meta l4proto != ipv6-icmp counter'
"$@"; code=$?
nft -j list chain inet t out >&2
exit $code
"""


def _in_a_namespace(*command: str) -> tuple[str, int]:
    """What it prints, and how many packets it sent, in a network of its own."""
    unshared = ("unshare", "--net", "sh", "-ec", _COUNTED, "sh", *command)
    done = subprocess.run(unshared, capture_output=True, text=True, check=False, timeout=280)  # noqa: S603 — our own words
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stderr[done.stderr.rindex('{"nftables"') :])["nftables"]
    counters = [
        part["counter"]["packets"]
        for entry in listed
        for part in entry.get("rule", {}).get("expr", ())
        if "counter" in part
    ]
    return done.stdout, sum(counters)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mapping[str, Mapping[str, Any]], Path, int]:
    """What came of each, where they are, and how many packets were sent meanwhile."""
    folder = tmp_path_factory.mktemp("trees")
    places = {name: folder / str(number) for number, name in enumerate(NAMES)}
    for name, place in places.items():
        plant(name, place)
    said, packets = _in_a_namespace(
        sys.executable, "-m", "tests.security.rendering", *map(str, places.values())
    )
    told = {each["name"]: each for each in map(json.loads, said.splitlines())}
    return {name: told[place.name] for name, place in places.items()}, folder, packets


def test_a_packet_would_be_counted() -> None:
    """Otherwise it would prove nothing that none was."""
    program = (
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('198.51.100.1', 9))"
    )
    assert _in_a_namespace(sys.executable, "-c", program)[1] == 1


@pytest.mark.timeout(300)
def test_hostile_checkouts_are_harmless(
    rendered: tuple[Mapping[str, Mapping[str, Any]], Path, int], figures: Figures
) -> None:
    """No packet, nothing of the file outside, nothing that ran, and an end."""
    told, folder, packets = rendered
    seen = {name for name, each in told.items() if CANARY in each["said"]}
    ran = list(folder.glob("*/outside/ran"))
    late = {name for name, each in told.items() if each["took_s"] > _LONGEST_S}

    figures.count("trees", packets + len(seen) + len(ran) + len(late), len(told))
    assert len(told) >= 60
    assert (packets, seen, ran, late) == (0, set(), [], set())
    assert all(each["said"].strip() for each in told.values())
