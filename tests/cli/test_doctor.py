"""`doctor` against a real apiserver without nodes, and against none."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
import yaml

from kubepreview.cli.doctor.trial import Probe, try_pods
from kubepreview.errors import NotReady
from kubepreview.kube.client import Client
from kubepreview.kube.resources import NAMESPACES
from tests.cli.conftest import Cluster
from tests.commands import kubepreview


@pytest.fixture
def now() -> dt.datetime:
    """The time, for what a killed run may have left."""
    return dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def test_a_cluster_without_nodes_and_installation(cluster: Cluster) -> None:
    """Exit code 1; each finding as data, each trouble with its cure."""
    ended = kubepreview("doctor", "--no-pods", "-o", "json", environ=cluster.environ)

    findings = {each["name"]: each for each in json.loads(ended.out)}
    assert ended.code == 1
    assert findings["cluster version"]["verdict"] == "ok"
    assert findings["your rights"]["verdict"] == "ok"
    assert findings["user namespaces"]["verdict"] in ("warn", "fail")
    assert "the cluster has no node" in findings["user namespaces"]["seen"]
    assert all(each["cure"] for each in findings.values() if each["verdict"] in ("warn", "fail"))
    assert "checks failed" in ended.err


async def test_without_an_image_nothing_is_started(cluster: Cluster, now: dt.datetime) -> None:
    """The trials are unknown, and not told as fine."""
    async with Client(cluster.plane.admin) as client:
        (finding,) = await try_pods(client, Probe(image="", now=now, timeout_s=1))
        left = await client.list(NAMESPACES, labels="app.kubernetes.io/name=kubepreview-doctor")

    assert finding.verdict == "unknown"
    assert "--probe-image" in finding.cure
    assert left == []


async def test_what_a_trial_started_is_taken_away_when_it_fails(cluster: Cluster, now: dt.datetime) -> None:
    """Where no pod can ever run, the trial ends with that, and its namespace is on its way out."""
    async with Client(cluster.plane.admin) as client:
        with pytest.raises(NotReady, match="ServiceAccount"):
            await try_pods(client, Probe(image="r.example.com/python:3", now=now, timeout_s=1))
        left = await client.list(NAMESPACES, labels="app.kubernetes.io/name=kubepreview-doctor")

    assert all("deletionTimestamp" in each["metadata"] for each in left)


def test_a_cluster_that_does_not_answer_is_the_one_finding(tmp_path: Path) -> None:
    """The address and the reason, and exit code 1: that is a check that failed."""
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "current-context": "a",
                "contexts": [{"name": "a", "context": {"cluster": "a"}}],
                "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
            }
        )
    )

    ended = kubepreview("doctor", "--kubeconfig", str(kubeconfig), environ={"HOME": str(tmp_path)})

    assert ended.code == 1
    assert ended.out.startswith("✗ cluster: ")
    assert "127.0.0.1:1" in ended.out
    assert "1 of 1 checks failed: cluster" in ended.err
