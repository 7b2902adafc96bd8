"""What `install` puts into a cluster, as data.

- the order: what is referred to comes first
- the rights: the deployer's are the table of kinds, the controller's are a list that is written out here
- the controller's pod meets Pod Security `restricted`
- deploy/ holds the same objects (``KUBEPREVIEW_REWRITE_GOLDENS=1`` writes them anew)
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from kubepreview import __version__
from kubepreview.cli.output import as_yaml
from kubepreview.core import installation, keys, kinds, own_objects, pod_policies
from kubepreview.core.wire import Object

OBJECTS = installation.objects()
DEPLOY = Path(__file__).parents[2] / "deploy"
_FILES = {
    "kinds.yaml": ("CustomResourceDefinition",),
    "policies.yaml": (
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ),
    "rights.yaml": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"),
    "controller.yaml": ("Namespace", "PriorityClass", "Service", "Deployment"),
}
_HEAD = "# Written by `KUBEPREVIEW_REWRITE_GOLDENS=1 pytest tests/core/test_installation.py`; not by hand.\n"


def named(kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    (found,) = (obj for obj in OBJECTS if (obj["kind"], obj["metadata"]["name"]) == (kind, name))
    return found


def rights(role: Object) -> set[tuple[str, str, tuple[str, ...]]]:
    """Every (resource, verb, resourceNames) that a role grants."""
    return {
        (f"{resource}.{group}".rstrip("."), verb, tuple(rule.get("resourceNames", ())))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_what_is_referred_to_comes_first() -> None:
    """The namespace before what lives in it, roles before bindings, the controller last."""
    order = [f"{obj['kind']}/{obj['metadata']['name']}" for obj in OBJECTS]

    assert order[0] == f"Namespace/{keys.SYSTEM_NAMESPACE}"
    assert order[-1] == f"Deployment/{keys.CONTROLLER}"
    for kind in ("ClusterRole", "Role"):
        assert order.index(f"{kind}/{keys.CONTROLLER}") < order.index(f"{kind}Binding/{keys.CONTROLLER}")


def test_the_product_is_not_ruled_by_its_own_policies() -> None:
    """The system namespace does not carry the label of a preview's, whose pods get no token."""
    labels = named("Namespace", keys.SYSTEM_NAMESPACE)["metadata"]["labels"]

    assert keys.MANAGED not in labels
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_deployer_may_write_the_allowed_kinds_and_nothing_else() -> None:
    """Its Role is the table of kinds, and a look at who is connected; DaemonSets are a Role of their own."""
    allowed = {
        f"{kind.plural}.{kind.group}".rstrip(".")
        for kind in kinds.ALLOWED.values()
        if kind is not kinds.DAEMON_SET
    }

    granted = rights(named("ClusterRole", keys.DEPLOYER_ROLE))
    assert {resource for resource, _, _ in granted} == allowed | {"pods/ephemeralcontainers"}
    assert {verb for resource, verb, _ in granted if "/" in resource} == {"patch"}
    assert {verb for _, verb, _ in granted} == {"get", "list", "create", "patch", "update", "delete"}
    daemon_sets = rights(named("ClusterRole", keys.DEPLOYER_DAEMON_SET_ROLE))
    assert {resource for resource, _, _ in daemon_sets} == {"daemonsets.apps"}


def test_the_controller_reads_no_secret_and_writes_no_workload() -> None:
    """It acts on workloads as the deployer of their preview, and reads no Secret at all."""
    granted = rights(named("ClusterRole", keys.CONTROLLER))

    assert not any(resource.startswith("secrets") for resource, _, _ in granted)
    assert {(r, v) for r, v, _ in granted if r.endswith((".apps", ".batch")) and v not in READ} == set()
    assert {v for r, v, _ in granted if r == "pods"} == {*READ, "delete"}


def test_the_controller_can_grant_and_become_the_deployer_only() -> None:
    """`bind` and `impersonate` name their objects; `escalate` and wildcards are nowhere.

    It approves, too, for people who comment: who decides what is built has that power anyway.
    """
    granted = rights(named("ClusterRole", keys.CONTROLLER))
    powers = {(resource, verb, names) for resource, verb, names in granted if verb in POWERS}

    roles = (keys.DEPLOYER_ROLE, keys.DEPLOYER_DAEMON_SET_ROLE)
    assert powers == {
        ("clusterroles.rbac.authorization.k8s.io", "bind", roles),
        ("serviceaccounts", "impersonate", (keys.DEPLOYER,)),
        ("previews.kubepreview.dev", "approve", ()),
    }
    assert not any("*" in (resource, verb) for resource, verb, _ in granted)


READ = {"get", "list", "watch"}
POWERS = {"bind", "escalate", "impersonate", "approve", "sign"}


def test_the_controllers_pod_meets_restricted() -> None:
    """No root, no privilege, no writable root, default seccomp; and it is given its token by itself."""
    pod = named("Deployment", keys.CONTROLLER)["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is True
    assert named("ServiceAccount", keys.CONTROLLER)["automountServiceAccountToken"] is False


def test_image_replicas_limit_and_version_are_in_the_deployment() -> None:
    """What was asked for is there, and which version it is can be read off."""
    deployment = installation.objects("registry.example.com/c@sha256:ab", replicas=2, max_previews=9)[-1]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    assert deployment["spec"]["replicas"] == 2
    assert container["image"].endswith("@sha256:ab")
    assert container["args"] == ["controller", "--max-previews=9"]
    assert installation.deployment("c", 1, 0, "https://github.example.com/api/v3")["spec"]["template"][
        "spec"
    ]["containers"][0]["args"] == ["controller", "--github-api=https://github.example.com/api/v3"]
    assert deployment["metadata"]["labels"][own_objects.VERSION_LABEL] == __version__


def test_previews_never_displace_others() -> None:
    """Their priority is below the default, and does not preempt."""
    priority = named("PriorityClass", keys.PRIORITY_CLASS)

    assert priority["value"] < 0
    assert priority["preemptionPolicy"] == "Never"
    assert priority["globalDefault"] is False


def test_an_older_cluster_gets_everything_but_the_mutations() -> None:
    """Where nothing is put into pods, what validates is installed all the same; but what nobody writes."""
    fewer = installation.without_mutation(OBJECTS)

    left_out = [obj for obj in OBJECTS if obj not in fewer]
    mutating = {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"}
    assert {obj["kind"] for obj in left_out} >= mutating
    validating = {obj["metadata"]["name"] for obj in left_out if obj["kind"] not in mutating}
    assert validating == {pod_policies.EMPTY_DIRS, pod_policies.ISOLATED}


@pytest.mark.parametrize("name", [*_FILES, "kustomization.yaml"])
def test_deploy_holds_what_install_applies(name: str) -> None:
    """`kubectl apply -k deploy` and `kubepreview install` put the same objects into a cluster."""
    wanted = _HEAD + _content(name)
    if os.environ.get("KUBEPREVIEW_REWRITE_GOLDENS") == "1":  # noqa: TID251 - the switch of all goldens
        (DEPLOY / name).write_text(wanted)

    assert (DEPLOY / name).read_text() == wanted


def test_every_object_is_in_a_file_of_deploy() -> None:
    """The files leave no object out and hold none twice."""
    held = [obj for name in _FILES for obj in yaml.load_all((DEPLOY / name).read_text(), yaml.CSafeLoader)]

    assert sorted(map(_key, held)) == sorted(map(_key, OBJECTS))


def _key(obj: Object) -> tuple[str, str]:
    return obj["kind"], obj["metadata"]["name"]


def _content(name: str) -> str:
    if name != "kustomization.yaml":
        return "---\n".join(as_yaml(obj) + "\n" for obj in _of_kinds(_FILES[name]))
    # The kinds first: kustomize orders by kind too, but says so less plainly.
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(_FILES),
    }
    return as_yaml(kustomization) + "\n"


def _of_kinds(wanted: Sequence[str]) -> Iterator[Object]:
    return (obj for obj in OBJECTS if obj["kind"] in wanted)
