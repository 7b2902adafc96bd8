"""By what a preview's pods run, and on which nodes, the project decides: for forks perhaps otherwise."""

from __future__ import annotations

import pytest

from kubepreview.cli import installing
from kubepreview.core import guardrails, keys, names
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PODS
from tests.core.examples import preview, project
from tests.security.apiserver import refusal
from tests.security.hostile_pods import container

_TAINT = "example.com/previews"
_SANDBOX = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "sandbox"},
    "handler": "runsc",
    "overhead": {"podFixed": {"memory": "32Mi"}},
    "scheduling": {
        "nodeSelector": {_TAINT: "true"},
        "tolerations": [{"key": _TAINT, "operator": "Exists", "effect": "NoSchedule"}],
    },
}
_DEDICATED = {**_SANDBOX, "metadata": {"name": "dedicated"}, "handler": "runc", "overhead": None}


def _spec(**fields: object) -> ProjectSpec:
    return project(namespacePattern="sandboxed-pr-{number}", toleratedTaints=[_TAINT], **fields).spec


def _pod(space: str, **spec: object) -> Object:
    metadata = {"name": "x", "namespace": space}
    put_in = {"priorityClassName": keys.PRIORITY_CLASS, "serviceAccountName": "default"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**container(), **put_in, **spec},
    }


@pytest.fixture
async def sandboxed(admin: Client) -> str:
    """The namespace of a fork's preview, in a cluster that has both classes."""
    spec = _spec(runtimeClassName="dedicated", forkRuntimeClassName="sandbox")
    fork = preview(pullRequest={"number": 7, "author": "eve", "fromFork": True})
    await installing.apply_all(admin, [_SANDBOX, {k: v for k, v in _DEDICATED.items() if v}])
    await admin.apply(guardrails.namespace(spec, fork), manager=keys.MANAGER)
    accounts = [each for each in guardrails.guardrails(spec, fork) if each["kind"] != "ResourceQuota"]
    await installing.apply_all(admin, accounts)
    return names.namespace_name(spec, 7)


async def test_pods_of_a_fork_get_its_class_and_where_that_belongs(sandboxed: str, admin: Client) -> None:
    """The class, what it costs, and the nodes that it is for."""
    made = await admin.create(PODS, _pod(sandboxed), sandboxed)
    await admin.delete(PODS, "x", sandboxed)

    assert made["spec"]["runtimeClassName"] == "sandbox"
    assert made["spec"]["overhead"] == {"memory": "32Mi"}
    assert made["spec"]["nodeSelector"] == {_TAINT: "true"}
    assert _TAINT in [each.get("key") for each in made["spec"]["tolerations"]]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"runtimeClassName": "dedicated"}, "spec.runtimeClassName is set"),
        ({"tolerations": [{"key": "example.com/gpu", "operator": "Exists"}]}, "spec.tolerations is set"),
        ({"tolerations": [{"operator": "Exists"}]}, "spec.tolerations is set"),
    ],
)
async def test_a_pull_request_chooses_none(
    sandboxed: str, spec: dict[str, object], said: str, admin: Client
) -> None:
    """Not the other class, and no other taint."""
    pod = _pod(sandboxed, **spec)
    assert said in await refusal(pod, admin, sandboxed)


def test_what_is_no_fork_has_the_projects_own() -> None:
    """And none where none is named."""
    annotations = [
        guardrails.namespace(_spec(**fields), preview())["metadata"]["annotations"].get(keys.RUNTIME_CLASS)
        for fields in ({}, {"runtimeClassName": "dedicated"}, {"forkRuntimeClassName": "sandbox"})
    ]
    assert annotations == [None, "dedicated", None]
