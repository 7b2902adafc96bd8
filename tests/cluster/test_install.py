"""Installing into a real cluster and removing again, on a cluster of this module's own.

- from a cluster without kubepreview to a controller that is available, and a second time for nothing
- policies that act on the pods of a preview and on nobody else's, seen on real pods and their tokens
- uninstall: refuses while previews are there, ends them when asked, and leaves what it says it leaves
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubepreview.core import installation, keys
from kubepreview.localcluster import cluster
from kubepreview.localcluster.cluster import RunningCluster
from tests.cluster.conftest import options, state_root
from tests.cluster.machine import apply, kubectl, namespace, pod
from tests.commands import Ended, environment, kubepreview
from tests.figures import Figures

_CLUSTER_WIDE = (
    "namespace",
    "crd",
    "priorityclass",
    "clusterrole",
    "clusterrolebinding",
    "validatingadmissionpolicy",
    "validatingadmissionpolicybinding",
    "mutatingadmissionpolicy",
    "mutatingadmissionpolicybinding",
)
USERNS = {keys.MANAGED: "true", keys.POD_PROFILE: "userns"}
_PAUSE = {"priorityClassName": keys.PRIORITY_CLASS, "enableServiceLinks": False}


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[RunningCluster]:
    """A cluster in which nothing of kubepreview is, and whose previews are nobody else's."""
    name = f"kubepreview-test-{os.getpid()}-install"
    try:
        yield asyncio.run(cluster.up(options(name), lambda _progress: None))
    finally:
        asyncio.run(cluster.down(state_root(), name))


@pytest.fixture(scope="module")
def objects_before(own_cluster: RunningCluster) -> set[str]:
    """What is in the cluster before anything is installed."""
    return _everything(own_cluster)


@pytest.fixture(scope="module")
def installed(own_cluster: RunningCluster, objects_before: set[str]) -> RunningCluster:
    """The cluster with kubepreview in it, built of this source."""
    del objects_before  # it is to be looked at first
    ended = _command(own_cluster, "install")
    assert ended.code == 0, ended.err
    return own_cluster


def _command(running: RunningCluster, *argv: str) -> Ended:
    return kubepreview(*argv, environ=environment(running.kubeconfig))


def _everything(running: RunningCluster) -> set[str]:
    names = kubectl(running, "get", ",".join(_CLUSTER_WIDE), "-o", "name")
    return set(names.split())


def test_install_leaves_a_controller_that_is_available(installed: RunningCluster) -> None:
    """The Deployment is available, of this version, and everything that was announced is there."""
    deployment = json.loads(
        kubectl(installed, "-n", keys.SYSTEM_NAMESPACE, "get", "deployment", keys.CONTROLLER, "-o", "json")
    )

    assert deployment["status"]["availableReplicas"] == 1
    assert "@sha256:" in deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    for obj in installation.objects():
        where = ("-n", obj["metadata"]["namespace"]) if "namespace" in obj["metadata"] else ()
        kubectl(installed, *where, "get", obj["kind"], obj["metadata"]["name"])


def test_the_canary_is_gone(installed: RunningCluster) -> None:
    """The namespace in which the policies were tried does not stay."""
    kubectl(installed, "wait", "--for=delete", "namespace/kubepreview-canary", "--timeout=60s")


def test_installing_again_changes_nothing(installed: RunningCluster) -> None:
    """A second install with the same image ends well and starts no new pod."""
    path = ("-n", keys.SYSTEM_NAMESPACE, "get", "pods", "-o", "name")
    before = kubectl(installed, *path)
    image = kubectl(
        installed, "-n", keys.SYSTEM_NAMESPACE, "get", "deployment", "-o", "jsonpath={..containers[0].image}"
    )

    ended = _command(installed, "install", "--image", image)

    assert ended.code == 0, ended.err
    assert kubectl(installed, *path) == before


def test_the_policies_have_no_type_warning(installed: RunningCluster) -> None:
    """The cluster's own type check finds nothing in the expressions."""
    kubectl(
        installed,
        "wait",
        "validatingadmissionpolicy",
        "--for=jsonpath={.status.observedGeneration}=1",
        "--all",
        "--timeout=60s",
    )
    found = json.loads(kubectl(installed, "get", "validatingadmissionpolicies", "-o", "json"))

    warnings = [item["status"].get("typeChecking") for item in found["items"]]
    assert [each for each in warnings if each] == []


def test_a_pod_of_a_preview_has_no_token_and_its_own_user_namespace(installed: RunningCluster) -> None:
    """Also under an account that says nothing of tokens, which the author of a pull request may bring."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "own", "namespace": "t-userns"},
    }
    apply(installed, namespace("t-userns", **USERNS))
    apply(installed, account)
    by_digest = f"kubepreview.local/none@sha256:{'0' * 64}"
    wanted = pod("tokenless", by_digest, serviceAccountName="own", **_PAUSE)
    wanted["metadata"]["namespace"] = "t-userns"

    apply(installed, wanted)

    spec = json.loads(kubectl(installed, "-n", "t-userns", "get", "pod", "tokenless", "-o", "json"))["spec"]
    assert spec["hostUsers"] is False
    assert spec["automountServiceAccountToken"] is False
    assert "serviceAccountToken" not in json.dumps(spec.get("volumes", []))
    kubectl(installed, "delete", "namespace", "t-userns", "--wait=false")


def test_pods_of_others_are_left_alone(installed: RunningCluster) -> None:
    """In a namespace that is no preview's, nothing is put in and nothing is asked for."""
    apply(installed, namespace("t-others"))
    kubectl(installed, "-n", "t-others", "wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    wanted = pod("plain", "kubepreview.local/none:0", hostUsers=True)
    wanted["metadata"]["namespace"] = "t-others"

    apply(installed, wanted)

    spec = json.loads(kubectl(installed, "-n", "t-others", "get", "pod", "plain", "-o", "json"))["spec"]
    assert spec["hostUsers"] is True
    assert "serviceAccountToken" in json.dumps(spec["volumes"])
    kubectl(installed, "delete", "namespace", "t-others", "--wait=false")


def test_doctor_is_content_with_a_fresh_installation(installed: RunningCluster) -> None:
    """Every check is fine, the tried ones too, and the namespace of the trial is on its way out."""
    ended = _command(installed, "doctor", "-o", "json")

    assert ended.code == 0, ended.out + ended.err
    findings = {each["name"]: each for each in json.loads(ended.out)}
    assert {each["verdict"] for each in findings.values()} == {"ok"}, ended.out
    assert "tried" in findings["network policies"]["seen"]
    assert "tried" in findings["network policies at a start"]["seen"]
    assert "tried" in findings["a pod's own users"]["seen"]
    left = json.loads(
        kubectl(
            installed, "get", "namespaces", "-l", "app.kubernetes.io/name=kubepreview-doctor", "-o", "json"
        )
    )
    assert all("deletionTimestamp" in each["metadata"] for each in left["items"])


def test_doctor_tells_an_image_that_cannot_be_pulled(installed: RunningCluster) -> None:
    """The trial is unknown, with what the kubelet says of the pod; nothing is called fine or broken."""
    ended = _command(
        installed, "doctor", "-o", "json", "--probe-image", "kubepreview.local/none:0", "--timeout", "10"
    )

    findings = {each["name"]: each for each in json.loads(ended.out)}
    assert ended.code == 0
    assert findings["network policies"]["verdict"] == "unknown"
    assert "Pull" in findings["network policies"]["seen"]


def test_the_cluster_commands_see_the_cluster(installed: RunningCluster) -> None:
    """Status, kubeconfig, logs, and an image that goes in: each for the cluster of that name."""
    name = ("--name", installed.name)

    status = _command(installed, "cluster", "status", "-o", "json", *name)
    assert json.loads(status.out)["addresses"]["registry"] == installed.registry
    assert status.code == 0
    kubeconfig = _command(installed, "cluster", "kubeconfig", "--export", *name)
    assert kubeconfig.out == f"export KUBECONFIG={installed.kubeconfig}\n"
    logs = _command(installed, "cluster", "logs", "kubelet", "--tail", "3", *name)
    assert len(logs.out.splitlines()) == 3
    unknown = _command(installed, "cluster", "logs", "nobody", *name)
    assert unknown.code == 1
    assert "kube-apiserver" in unknown.err


def test_an_image_is_built_pushed_and_named_by_its_digest(installed: RunningCluster, tmp_path: Path) -> None:
    """From a Dockerfile whose base is an argument; what is printed is what a pod can run."""
    (tmp_path / "Dockerfile").write_text(
        "ARG BASE=docker.io/library/debian\nFROM ${BASE}\nARG WORD\nENV WORD=${WORD}\n"
    )
    argv = ("cluster", "build", str(tmp_path), "--tag", "t/small:1", "--build-arg", "WORD=hello")

    ended = _command(installed, *argv, "--name", installed.name)

    assert ended.code == 0, ended.err
    assert re.fullmatch(rf"{installed.registry}/t/small@sha256:[0-9a-f]{{64}}\n", ended.out)
    apply(installed, namespace("t-built"))
    wanted = pod("built", ended.out.strip(), restartPolicy="Never", automountServiceAccountToken=False)
    wanted["metadata"]["namespace"] = "t-built"
    wanted["spec"]["containers"][0] |= {"command": ["sh", "-c", "echo $WORD"], "args": []}
    kubectl(installed, "-n", "t-built", "wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    apply(installed, wanted)
    kubectl(
        installed,
        "-n",
        "t-built",
        "wait",
        "pod/built",
        "--for=jsonpath={.status.phase}=Succeeded",
        "--timeout=60s",
    )
    assert kubectl(installed, "-n", "t-built", "logs", "built") == "hello\n"
    kubectl(installed, "delete", "namespace", "t-built", "--wait=false")


def test_uninstall_refuses_while_a_preview_is_open(installed: RunningCluster) -> None:
    """Exit code 3, the preview by name, and nothing removed."""
    _open_a_preview(installed)

    refused = _command(installed, "uninstall")

    assert refused.code == 3
    assert "uninstalls-previews/pr-1 is open" in refused.err
    kubectl(installed, "-n", keys.SYSTEM_NAMESPACE, "get", "deployment", keys.CONTROLLER)


def test_uninstall_takes_away_all_that_install_brought(
    installed: RunningCluster, objects_before: set[str], figures: Figures
) -> None:
    """With --close-previews: the preview is closed and gone, and only the control namespace is left."""
    _open_a_preview(installed)
    kubectl(installed, "wait", "--for=create", "namespace/uninstalls-pr-1", "--timeout=60s")
    control = "namespace/uninstalls-previews"

    ended = _command(installed, "uninstall", "--close-previews")

    assert ended.code == 0, ended.err
    kubectl(
        installed, "wait", "--for=delete", "namespace", "t-userns", "t-others", "t-built", "--timeout=60s"
    )
    trials = "app.kubernetes.io/name=kubepreview-doctor"
    kubectl(installed, "wait", "--for=delete", "namespace", "-l", trials, "--timeout=60s")
    left = _everything(installed) - objects_before
    figures.count("left behind", len(left - {control}), len(installation.objects()))
    assert left == {control}
    assert "control namespaces uninstalls-previews" in ended.err
    (project,) = yaml.safe_load_all(ended.out)
    assert project["spec"]["repository"] == "acme/uninstalls"


def test_uninstalling_twice_is_free(installed: RunningCluster) -> None:
    """Where nothing is, nothing is removed, and that is no mistake."""
    assert _command(installed, "uninstall").code == 0

    again = _command(installed, "uninstall")

    assert again.code == 0
    assert "nothing to remove" in again.err


def _open_a_preview(running: RunningCluster) -> None:
    created = _command(running, "project", "create", "uninstalls", "--repository", "acme/uninstalls")
    assert created.code == 0, created.err
    service = {"ports": [{"port": 80}], "selector": {"app": "web"}}
    preview = {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": "pr-1", "namespace": "uninstalls-previews"},
        "spec": {
            "project": "uninstalls",
            "pullRequest": {"number": 1},
            "revision": {"sha": "ab" * 20, "observedAt": "2026-11-01T10:00:00Z"},
            "state": "Open",
            "entry": {"service": "web", "port": 80},
            "manifests": [
                {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service}
            ],
        },
    }
    apply(running, preview)
