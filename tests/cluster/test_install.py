"""Installing into a real cluster and removing again, on a cluster of this module's own.

- from a cluster without kubepreview to a controller that is available, and a second time for nothing
- policies that act on the pods of a preview and on nobody else's, seen on real pods and their tokens
- uninstall: refuses while previews are there, ends them when asked, and leaves what it says it leaves
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator

import pytest
import yaml

from kubepreview.core import installation, keys
from kubepreview.localcluster import cluster
from kubepreview.localcluster.cluster import RunningCluster
from tests.cluster.conftest import options, state_root
from tests.cluster.machine import apply, kubectl, namespace, pod
from tests.commands import Ended, environment, kubepreview

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
    wanted = pod("tokenless", "kubepreview.local/none:0", serviceAccountName="own", **_PAUSE)
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


def test_uninstall_refuses_while_a_preview_is_open(installed: RunningCluster) -> None:
    """Exit code 3, the preview by name, and nothing removed."""
    _open_a_preview(installed)

    refused = _command(installed, "uninstall")

    assert refused.code == 3
    assert "uninstalls-previews/pr-1 is open" in refused.err
    kubectl(installed, "-n", keys.SYSTEM_NAMESPACE, "get", "deployment", keys.CONTROLLER)


def test_uninstall_takes_away_all_that_install_brought(
    installed: RunningCluster, objects_before: set[str]
) -> None:
    """With --close-previews: the preview is closed and gone, and only the control namespace is left."""
    _open_a_preview(installed)
    kubectl(installed, "wait", "--for=create", "namespace/uninstalls-pr-1", "--timeout=60s")

    ended = _command(installed, "uninstall", "--close-previews")

    assert ended.code == 0, ended.err
    kubectl(installed, "wait", "--for=delete", "namespace", "t-userns", "t-others", "--timeout=60s")
    assert _everything(installed) - objects_before == {"namespace/uninstalls-previews"}
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
