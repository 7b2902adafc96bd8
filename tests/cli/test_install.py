"""`install` and `uninstall` where no cluster, or only half of one, is there."""

from __future__ import annotations

from pathlib import Path

import yaml

from kubepreview.core import installation
from tests.cli.conftest import Cluster
from tests.commands import kubepreview


def test_a_dry_run_asks_no_cluster() -> None:
    """It prints every object, in order, with the image that was named."""
    ended = kubepreview("install", "--dry-run", "--image", "r.example.com/c:1", "--replicas", "2", environ={})

    assert ended.code == 0
    printed = list(yaml.load_all(ended.out, yaml.CSafeLoader))
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in printed] == [
        (obj["kind"], obj["metadata"]["name"]) for obj in installation.objects()
    ]
    assert printed[-1]["spec"]["replicas"] == 2
    assert "image: r.example.com/c:1" in ended.out


def test_without_a_cluster_it_says_what_to_do(tmp_path: Path) -> None:
    """Exit code 2: nothing says which cluster is meant."""
    ended = kubepreview("install", environ={"HOME": str(tmp_path)})

    assert ended.code == 2
    assert "kubepreview cluster up" in ended.err


def test_a_controller_that_does_not_come_up_is_exit_code_4(cluster: Cluster) -> None:
    """Where nothing runs pods, all stages but the last are done, and the last says what was seen."""
    argv = ("install", "--image", "r.example.com/c:1", "--timeout", "1")

    ended = kubepreview(*argv, environ=cluster.environ)

    assert ended.code == 4
    assert "✓ kinds: PreviewProject, Preview" in ended.err
    assert "✓ policies act" in ended.err
    assert "✗ controller and gateway" in ended.err
    assert "0 of 1 replicas are available" in ended.err
