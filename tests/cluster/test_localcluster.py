"""A node that runs: what it serves, and what it keeps apart."""

from __future__ import annotations

import json
import os
import re
import socket
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from kubepreview.errors import Failed, NotFound
from kubepreview.localcluster import bootstrap, cluster, images, programs
from kubepreview.localcluster.cluster import RunningCluster
from tests.cluster.conftest import cache, state_root
from tests.cluster.machine import (
    apply,
    config_of,
    eventually,
    kubectl,
    namespace,
    pod,
    processes_of_pod,
    refusal,
    run,
    wait_until_ready,
)

_PING = ("--entrypoints.ping.address=:8082", "--ping=true", "--ping.entrypoint=ping")


def _status(url: str, host: str = "", timeout_s: float = 5) -> int:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - our own http URL
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=timeout_s
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_node_is_ready_and_runs_the_pinned_version(local_cluster: RunningCluster) -> None:
    """`up` returns when the Node object says Ready."""
    node = json.loads(kubectl(local_cluster, "get", "node", local_cluster.name, "-o", "json"))
    ready = {condition["type"]: condition["status"] for condition in node["status"]["conditions"]}

    assert ready["Ready"] == "True"
    assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.37.2"
    assert node["spec"]["podCIDR"] == str(config_of(local_cluster).ranges.pods)


async def test_dns_knows_the_cluster_and_refuses_the_world_at_once(local_cluster: RunningCluster) -> None:
    """The cluster's names resolve; a name outside is refused without a wait."""
    server = config_of(local_cluster).ranges.dns

    assert await bootstrap.resolves(server)() == ""
    assert await bootstrap.resolves(server, "example.com")() == f"DNS at {server}: code 5, 0 records"


def test_strangers_may_ask_for_health_and_nothing_else(local_cluster: RunningCluster) -> None:
    """Without credentials /readyz answers and the API does not."""
    read = ("curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}")

    assert run(*read, f"{local_cluster.api}/readyz") == "200"
    assert run(*read, f"{local_cluster.api}/version") == "401"
    assert run(*read, f"{local_cluster.api}/api/v1/namespaces/kube-system/secrets") == "401"


def test_an_ingress_is_served_on_the_loopback(local_cluster: RunningCluster) -> None:
    """A service behind an Ingress answers on the published port under its host, and has an address."""
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {
        "host": "web.localhost",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    web = pod("web", config_of(local_cluster).images.traefik, *_PING)
    apply(local_cluster, namespace(_own("served")))
    apply(
        local_cluster,
        _within(_own("served"), web),
        _within(_own("served"), _service("web", 8082)),
        _within(
            _own("served"),
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": {"name": "web"},
                "spec": {"rules": [rule]},
            },
        ),
    )
    host, port = local_cluster.ingress
    url = f"http://{host}:{port}/ping"

    eventually(lambda: _status(url, "web.localhost") == 200, "the ingress serves the pod")
    assert _status(url, "unknown.localhost") == 404
    address = "jsonpath={.status.loadBalancer.ingress[0].ip}"
    eventually(
        lambda: (
            kubectl(local_cluster, "-n", _own("served"), "get", "ingress", "web", "-o", address)
            == str(config_of(local_cluster).ranges.ingress)
        ),
        "the Ingress has an address",
    )


def test_a_pod_with_its_own_users_is_nobody_outside(local_cluster: RunningCluster) -> None:
    """Under `hostUsers: false`, uid 0 of the pod is a large number on the machine."""
    apply(local_cluster, namespace(_own("userns")))
    apply(
        local_cluster,
        _within(
            _own("userns"),
            pod(
                "root",
                config_of(local_cluster).images.pause,
                hostUsers=False,
                securityContext={"runAsUser": 0},
            ),
        ),
    )
    wait_until_ready(local_cluster, _own("userns"), "root")

    pids = processes_of_pod(local_cluster, _own("userns"), "root")
    assert pids
    for pid in pids:
        inside, outside, count = run("cat", f"/proc/{pid}/uid_map").split()
        assert (inside, count) == ("0", "65536")
        assert int(outside) >= 65536


def test_a_network_policy_is_enforced(local_cluster: RunningCluster) -> None:
    """Four connections that work are refused under default-deny, and DNS, allowed by it, still answers."""
    images = config_of(local_cluster).images
    apply(local_cluster, namespace(_own("denied")), namespace(_own("stranger")))
    apply(
        local_cluster,
        _within(_own("denied"), pod("server", images.traefik, *_PING)),
        _within(_own("denied"), pod("client", images.pause)),
        _within(_own("denied"), _service("server", 8082)),
        _within(_own("stranger"), pod("client", images.pause)),
    )
    for where, name in ((_own("denied"), "server"), (_own("denied"), "client"), (_own("stranger"), "client")):
        wait_until_ready(local_cluster, where, name)
    server = kubectl(
        local_cluster, "-n", _own("denied"), "get", "pod", "server", "-o", "jsonpath={.status.podIP}"
    )
    service = kubectl(
        local_cluster, "-n", _own("denied"), "get", "svc", "server", "-o", "jsonpath={.spec.clusterIP}"
    )
    inside = _network_of(local_cluster, _own("denied"), "client")
    stranger = _network_of(local_cluster, _own("stranger"), "client")
    dns = str(config_of(local_cluster).ranges.dns)
    connections = {
        "neighbour to pod": (inside, server, 8082),
        "neighbour to service": (inside, service, 80),
        "stranger to pod": (stranger, server, 8082),
        "machine to pod": ((), server, 8082),
    }
    eventually(lambda: all(_connects(*connection) for connection in connections.values()), "all connect")

    apply(local_cluster, _within(_own("denied"), _deny_all_but_dns()))

    for name, connection in connections.items():
        eventually(partial(_is_refused, *connection), f"{name} is refused")
    assert _connects(inside, dns, 53), "DNS is allowed"
    assert _connects(stranger, dns, 53), "another namespace is not touched"


def test_admission_keeps_what_a_namespace_asks(local_cluster: RunningCluster) -> None:
    """Pod Security and a quota hold for the namespaces that carry them."""
    pause = config_of(local_cluster).images.pause
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}}
    apply(
        local_cluster,
        namespace(_own("baseline"), **{"pod-security.kubernetes.io/enforce": "baseline"}),
        namespace(_own("full")),
    )
    apply(local_cluster, _within(_own("full"), {**quota, "spec": {"hard": {"pods": "0"}}}))

    outside = _within(_own("baseline"), pod("p", pause, hostNetwork=True))
    assert "violates PodSecurity" in refusal(local_cluster, outside)
    more = _within(_own("full"), pod("p", pause))
    eventually(lambda: "exceeded quota" in refusal(local_cluster, more), "the quota is counted")


def test_admission_policies_refuse_and_change(local_cluster: RunningCluster) -> None:
    """A ValidatingAdmissionPolicy refuses with its message, a MutatingAdmissionPolicy changes a pod."""
    pause, where = config_of(local_cluster).images.pause, _own("policies")
    change = "Object{spec: Object.spec{automountServiceAccountToken: false}}"
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": change}}
    apply(
        local_cluster,
        namespace(where, tests=where),
        *_policy(
            "Validating",
            {"validations": [{"expression": "object.metadata.name != 'bad'", "message": "no bad pods"}]},
            {"validationActions": ["Deny"]},
        ),
        *_policy("Mutating", {"reinvocationPolicy": "Never", "mutations": [mutation]}, {}),
    )

    bad = _within(where, pod("bad", pause))
    eventually(lambda: "no bad pods" in refusal(local_cluster, bad), "the policy refuses")
    good = json.dumps(_within(where, pod("good", pause)))
    mounted = "--output=jsonpath={.spec.automountServiceAccountToken}"
    tried = ("create", "--dry-run=server", "--filename=-", mounted)
    # Each policy is taken up at its own time.
    eventually(lambda: kubectl(local_cluster, *tried, stdin=good) == "false", "the policy changes")


def test_an_image_means_the_same_to_machine_and_node(local_cluster: RunningCluster, tmp_path: Path) -> None:
    """What is pushed from here as `localhost:PORT/x` is what a pod of that image runs."""
    config = config_of(local_cluster)
    name = f"{local_cluster.registry}/tests/pause:1"
    with tarfile.open(config.archives[config.images.pause]) as archive:
        archive.extractall(tmp_path, filter="data")
    run(config.program("crane"), "push", str(tmp_path), name)

    apply(local_cluster, namespace(_own("pulled")))
    apply(local_cluster, _within(_own("pulled"), pod("pulled", name)))

    wait_until_ready(local_cluster, _own("pulled"), "pulled")


async def test_an_archive_is_loaded_without_a_registry(local_cluster: RunningCluster, tmp_path: Path) -> None:
    """`load` puts an archive of images into the node, where a pod runs it under the name it has there."""
    built = await programs.ensure(cache(), lambda _progress: None)
    image = images.SystemImage("pause", f"loaded-{os.getpid()}", built.path("pause"))
    archive = tmp_path / "image.tar"
    with archive.open("wb") as file:
        images.write_archive(image, file)

    assert image.reference in await cluster.load(state_root(), local_cluster.name, str(archive), built)

    apply(local_cluster, namespace(_own("loaded")))
    apply(local_cluster, _within(_own("loaded"), pod("loaded", image.reference)))
    wait_until_ready(local_cluster, _own("loaded"), "loaded")


async def test_what_cannot_be_loaded_is_told(local_cluster: RunningCluster) -> None:
    """Neither a file here nor an image anywhere: the error carries the name and the reason."""
    built = await programs.ensure(cache(), lambda _progress: None)
    missing = f"{local_cluster.registry}/no/such:1"

    with pytest.raises(Failed, match=re.escape(missing)):
        await cluster.load(state_root(), local_cluster.name, missing, built)


def test_logs_are_found_by_component(local_cluster: RunningCluster) -> None:
    """Programs and system pods have a log; for another name the error lists which there are."""
    for component in ("kube-apiserver", "kubelet", "traefik", "coredns"):
        assert cluster.logs(state_root(), local_cluster.name, component).stat().st_size

    with pytest.raises(NotFound) as caught:
        cluster.logs(state_root(), local_cluster.name, "nonesuch")
    assert "kube-apiserver" in caught.value.hint


def test_the_status_names_every_program(local_cluster: RunningCluster) -> None:
    """A running cluster is ready, and so is each of its programs."""
    seen = cluster.inspect(state_root(), local_cluster.name)

    assert seen.state == "ready"
    assert seen.node is not None
    programs = {"etcd", "kube-apiserver", "kubelet", "containerd", "kube-proxy", "kube-router", "registry"}
    assert programs <= set(seen.node.components)
    assert seen.running == local_cluster


def _own(name: str) -> str:
    """A namespace of this run: a cluster that is kept has those of the last."""
    return f"{name}-{os.getpid()}"


def _within(where: str, manifest: Mapping[str, object]) -> dict[str, object]:
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    return {**manifest, "metadata": {**metadata, "namespace": where}}


def _policy(
    kind: str, spec: Mapping[str, object], binding: Mapping[str, object]
) -> Iterator[dict[str, object]]:
    """A policy on pods, bound to the namespaces of this run."""
    name = _own("policies")
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    bound = {"policyName": name, "matchResources": {"namespaceSelector": {"matchLabels": {"tests": name}}}}
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    matched = {"matchConstraints": {"resourceRules": [rule]}}
    yield {**head, "kind": f"{kind}AdmissionPolicy", "spec": {**matched, **spec}}
    yield {**head, "kind": f"{kind}AdmissionPolicyBinding", "spec": {**bound, **binding}}


def _service(name: str, port: int) -> dict[str, object]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _deny_all_but_dns() -> dict[str, object]:
    dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    ports = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny"},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [{"to": [dns], "ports": ports}],
        },
    }


def _network_of(running: RunningCluster, where: str, name: str) -> tuple[str, ...]:
    pids = processes_of_pod(running, where, name)
    assert pids, f"pod {where}/{name} has no process"
    return ("nsenter", f"--target={pids[0]}", "--net")


def _is_refused(network: tuple[str, ...], address: str, port: int) -> bool:
    return not _connects(network, address, port)


def _connects(network: tuple[str, ...], address: str, port: int) -> bool:
    """Whether a TCP connection opens, from inside a network namespace or from this machine."""
    if not network:
        with socket.socket() as here:
            here.settimeout(1)
            return here.connect_ex((address, port)) == 0
    attempt = f"exec 3<>/dev/tcp/{address}/{port} && echo connected"
    return "connected" in run(*network, "timeout", "1", "bash", "-c", attempt, check=False)
