"""Each policy over what a pull request brings has an object that it must refuse."""

from __future__ import annotations

from kubepreview.core import canaries, guardrails, keys, pod_policies, policies
from tests.core.examples import preview, project


def _names(**spec: str) -> set[str]:
    return set(canaries.of(guardrails.namespace(project(**spec).spec, preview())))


def test_each_policy_has_its_canary() -> None:
    """But what cannot be broken, because it is put in; and those that watch ourselves."""
    required = {
        policy.name
        for policy in policies.POLICIES
        if policy.rules
        and policy.name != pod_policies.EMPTY_DIRS
        and not policy.name.startswith(keys.CONTROLLER)
    }

    assert _names(podStart="WhenIsolated") == required


def test_waiting_pods_are_asked_about_where_they_are_required() -> None:
    """Where pods start at once, none of them waits."""
    assert _names(podStart="WhenIsolated") - _names() == {"kubepreview-isolated-pods"}


def test_user_namespaces_are_asked_about_where_they_are_required() -> None:
    """Under the other profile a pod may have the node's users."""
    assert _names() - _names(podProfile="restricted") == {"kubepreview-userns-pods"}


def test_a_pod_is_of_an_image_that_the_project_allows() -> None:
    """So that it is its own policy that refuses it."""
    namespace = guardrails.namespace(project(imagePrefixes=["ghcr.io/acme/", "x"]).spec, preview())
    (container,) = canaries.of(namespace)["kubepreview-pods"]["spec"]["containers"]

    assert container["image"] == "ghcr.io/acme/canary:latest"
