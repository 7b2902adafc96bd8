"""What a node is told: golden files, rewritten by ``KUBEPREVIEW_REWRITE_GOLDENS=1``."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from kubepreview.localcluster import programs, recipe
from kubepreview.localcluster.config import NodeConfig, Ports, SystemImages
from kubepreview.localcluster.ranges import Ranges

_GOLDEN = Path(__file__).parent / "golden"
_REWRITE = os.environ.get("KUBEPREVIEW_REWRITE_GOLDENS") == "1"  # noqa: TID251 - the switch of the goldens

CONFIG = NodeConfig(
    name="golden",
    state="/state/golden",
    cgroup="kubepreview-golden-0123abcd",
    host_interface="kpv0123abcd",
    bridge="kpb0123abcd",
    ranges=Ranges(
        pods=IPv4Network("10.244.16.0/20"),
        services=IPv4Network("10.245.16.0/20"),
        link=IPv4Network("10.246.1.0/30"),
    ),
    ports=Ports(ingress=8080, api=16443, registry=5000),
    programs={name: f"/programs/{name}" for name in programs.NAMES},
    images=SystemImages(
        pause="kubepreview.local/pause:1",
        coredns="kubepreview.local/coredns:1",
        traefik="kubepreview.local/traefik:3",
    ),
    archives={"kubepreview.local/pause:1": "/images/pause.tar"},
)
_TEXTS = recipe.texts(CONFIG)


@pytest.mark.parametrize("name", sorted(_TEXTS))
def test_a_node_is_told_what_the_golden_file_says(name: str) -> None:
    """Every argument list, configuration file, command and object is byte for byte the reviewed one."""
    golden = _GOLDEN / name
    if _REWRITE:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(_TEXTS[name])

    assert golden.read_text() == _TEXTS[name]


def test_no_golden_file_outlives_its_text() -> None:
    """A file that is no longer written is no longer kept."""
    kept = {str(path.relative_to(_GOLDEN)) for path in _GOLDEN.rglob("*") if path.is_file()}

    assert kept == set(_TEXTS)


def test_a_configuration_survives_its_file() -> None:
    """What is written for the node is what the node reads."""
    assert NodeConfig.from_json(CONFIG.to_json()) == CONFIG


def test_the_digest_tells_a_change_and_only_a_change() -> None:
    """Equal configurations have one digest; another port, or another image, is another."""
    assert recipe.digest(CONFIG) == recipe.digest(NodeConfig.from_json(CONFIG.to_json()))
    assert recipe.digest(CONFIG) != recipe.digest(replace(CONFIG, ports=replace(CONFIG.ports, ingress=9090)))
    assert recipe.digest(CONFIG) != recipe.digest(replace(CONFIG, images=replace(CONFIG.images, coredns="x")))


def test_no_secret_is_in_the_recipe() -> None:
    """Keys are named by their files; what is in them is in no configuration."""
    assert not [name for name, text in _TEXTS.items() if "PRIVATE KEY" in text or "key-data" in text]
