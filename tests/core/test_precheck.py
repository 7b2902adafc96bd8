"""The early check names object, field, rule and cure for everything that the cluster would refuse."""

from __future__ import annotations

from typing import Any

import pytest

from kubepreview.core.podcheck import Limits
from kubepreview.core.precheck import check
from kubepreview.core.wire import Object
from tests.core.examples import IMAGE, config_map, deployment, service

LIMITS = Limits(namespace="rapidrar-pr-7", image_prefixes=("registry.example.com/",))


def told(*objects: Object, limits: Limits = LIMITS) -> list[str]:
    """The problems, as they are printed."""
    return [str(problem) for problem in check(objects, limits)]


def with_pod(**spec: Any) -> Object:
    """A Deployment whose pod has these fields too."""
    obj = deployment()
    obj["spec"]["template"]["spec"] |= spec
    return obj


def with_container(**fields: Any) -> Object:
    """A Deployment whose container has these fields too."""
    return with_pod(containers=[{"name": "web", "image": IMAGE, **fields}])


def of_kind(api_version: str, kind: str, **fields: Any) -> Object:
    """An object of any kind."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields}


def test_ordinary_objects_pass() -> None:
    """A Deployment, a Service and a ConfigMap have no problem."""
    assert told(deployment(), service(), config_map("settings", a="b")) == []


@pytest.mark.parametrize(
    ("pod", "problem"),
    [
        ({"hostNetwork": True}, "hostNetwork: a preview's pod does not share"),
        ({"hostPID": True}, "hostPID: a preview's pod"),
        ({"hostIPC": True}, "hostIPC: a preview's pod"),
        ({"nodeName": "node-1"}, "nodeName: the scheduler places"),
        ({"priorityClassName": "system-node-critical"}, "priorityClassName: a preview never displaces"),
        ({"automountServiceAccountToken": True}, "automountServiceAccountToken: no pod of a preview"),
        (
            {"volumes": [{"name": "a"}, {"name": "b", "hostPath": {"path": "/"}}]},
            "volumes[1].hostPath: a preview's",
        ),
        (
            {"volumes": [{"name": "a", "projected": {"sources": [{"serviceAccountToken": {}}]}}]},
            "volumes[0].projected: no pod of a preview",
        ),
        (
            {"securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}},
            "securityContext.sysctls: kernel.msgmax",
        ),
        (
            {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
            "securityContext.seccompProfile: is",
        ),
    ],
)
def test_a_pod_that_reaches_the_node_is_told(pod: dict[str, Any], problem: str) -> None:
    """One field of the pod gives one problem, with the path that its author finds it by."""
    (line,) = told(with_pod(**pod))

    assert line.startswith(f"Deployment/web: spec.template.spec.{problem}")
    assert line.endswith(")")  # and a cure


@pytest.mark.parametrize(
    ("container", "problem"),
    [
        ({"securityContext": {"privileged": True}}, "securityContext.privileged: a preview's container"),
        (
            {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
            "securityContext.capabilities.add: SYS_ADMIN",
        ),
        ({"securityContext": {"procMount": "Unmasked"}}, "securityContext.procMount: a preview's"),
        ({"ports": [{"containerPort": 80, "hostPort": 80}]}, "ports[0].hostPort: a preview takes no port"),
        ({"livenessProbe": {"httpGet": {"host": "10.0.0.1"}}}, "livenessProbe.httpGet.host: the kubelet"),
        ({"lifecycle": {"preStop": {"tcpSocket": {"host": "a"}}}}, "lifecycle.preStop.tcpSocket.host: the"),
        ({"image": "registry.example.com/web:1"}, "image: registry.example.com/web:1 has no digest"),
        ({"image": "evil.example/web@sha256:" + "0" * 64}, "image: evil.example/web@sha256:"),
        ({"image": None}, "image: is missing"),
    ],
)
def test_a_container_that_asks_for_too_much_is_told(container: dict[str, Any], problem: str) -> None:
    """One field of the container gives one problem, with its index."""
    (line,) = told(with_container(**container))

    assert line.startswith(f"Deployment/web: spec.template.spec.containers[0].{problem}")


def test_capabilities_that_pod_security_allows_pass() -> None:
    """Binding a low port is nothing to refuse."""
    assert told(with_container(securityContext={"capabilities": {"add": ["NET_BIND_SERVICE"]}})) == []


@pytest.mark.parametrize("list_name", ["initContainers", "ephemeralContainers"])
def test_every_list_of_containers_is_looked_at(list_name: str) -> None:
    """An init container is refused for the same reasons as any other."""
    (line,) = told(
        with_pod(**{list_name: [{"name": "x", "image": IMAGE, "securityContext": {"privileged": True}}]})
    )

    assert f"spec.template.spec.{list_name}[0].securityContext.privileged" in line


def test_the_path_fits_the_kind() -> None:
    """A Pod's and a CronJob's pods are found where they are."""
    spec = {"hostNetwork": True, "containers": [{"name": "x", "image": IMAGE}]}
    job = of_kind("batch/v1", "CronJob", spec={"jobTemplate": {"spec": {"template": {"spec": spec}}}})

    lines = told(of_kind("v1", "Pod", spec=spec), job)

    assert [line.split(" ")[1] for line in lines] == [
        "spec.hostNetwork:",
        "spec.jobTemplate.spec.template.spec.hostNetwork:",
    ]


@pytest.mark.parametrize(
    ("obj", "problem"),
    [
        (of_kind("v1", "Namespace"), "Namespace/x: kind: Namespace is not part of a preview"),
        (of_kind("rbac.authorization.k8s.io/v1", "ClusterRole"), "a preview may not grant rights"),
        (of_kind("networking.k8s.io/v1", "Ingress"), "the route is written for you"),
        (
            of_kind("extensions/v1beta1", "Deployment"),
            "Deployment/x: apiVersion: 'extensions/v1beta1' is not one",
        ),
        (of_kind("apps/v1", "DaemonSet"), "DaemonSet/x: kind: the project turns DaemonSets into Deployments"),
        (of_kind("v1", "Service", spec={"type": "NodePort"}), "Service/x: spec.type: is NodePort"),
        (of_kind("v1", "Service", spec={"type": "LoadBalancer"}), "Service/x: spec.type: is LoadBalancer"),
        (
            of_kind("v1", "Service", spec={"externalIPs": ["10.0.0.1"]}),
            "Service/x: spec.externalIPs: a preview",
        ),
        (of_kind("v1", "Service", spec={"externalName": "a.b"}), "Service/x: spec.externalName: a Service"),
        (
            of_kind("v1", "ServiceAccount", automountServiceAccountToken=True),
            "automountServiceAccountToken: no pod",
        ),
    ],
)
def test_objects_that_are_not_part_of_a_preview_are_told(obj: Object, problem: str) -> None:
    """Each names the object, the field, the rule and what to do."""
    (line,) = told(obj)

    assert problem in line


def test_an_object_of_another_namespace_is_told() -> None:
    """The preview's own namespace may be named; any other is a mistake or worse."""
    mine, other = config_map("a"), config_map("b")
    mine["metadata"]["namespace"], other["metadata"]["namespace"] = "rapidrar-pr-7", "rapidrar-staging"

    (line,) = told(mine, other)

    assert line.startswith(
        "ConfigMap/b: metadata.namespace: is 'rapidrar-staging', and a preview's objects live"
    )


def test_a_project_that_keeps_daemon_sets_takes_them() -> None:
    """Keep is for hardware on every node."""
    assert told(of_kind("apps/v1", "DaemonSet"), limits=Limits(namespace="x", daemon_sets="Keep")) == []


def test_everything_is_told_at_once() -> None:
    """Two objects with three wrong fields are three problems."""
    bad = with_pod(hostNetwork=True, hostPID=True)

    assert len(told(bad, of_kind("v1", "Service", spec={"type": "NodePort"}))) == 3


@pytest.mark.parametrize("shape", [None, 7, "text", [], [None], {"containers": "none"}, {"containers": [7]}])
def test_objects_of_any_shape_are_survived(shape: Any) -> None:
    """What an author wrote may have any shape; the check says what it can and never breaks."""
    odd = deployment()
    odd["spec"]["template"]["spec"] = shape

    assert all(isinstance(line, str) for line in told(odd, of_kind("v1", "Service", spec=shape)))
