"""Paths and well-known kinds."""

from __future__ import annotations

import pytest

from kubepreview.errors import InvalidInput
from kubepreview.kube import resources
from kubepreview.kube.resources import Resource, UnknownKind, resource_of


@pytest.mark.parametrize(
    ("resource", "arguments", "path"),
    [
        (resources.NAMESPACES, ("", "a"), "/api/v1/namespaces/a"),
        (resources.PODS, (), "/api/v1/pods"),
        (resources.PODS, ("a",), "/api/v1/namespaces/a/pods"),
        (resources.PODS, ("a", "web", "log"), "/api/v1/namespaces/a/pods/web/log"),
        (resources.DEPLOYMENTS, ("a", "web"), "/apis/apps/v1/namespaces/a/deployments/web"),
        (
            resources.PREVIEWS,
            ("a", "pr-7", "status"),
            "/apis/kubepreview.dev/v1alpha1/namespaces/a/previews/pr-7/status",
        ),
        (
            resources.CLUSTER_ROLES,
            ("", "system:discovery"),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:discovery",
        ),
        # A cluster-wide kind has no place for a namespace.
        (resources.NAMESPACES, ("b", "a"), "/api/v1/namespaces/a"),
    ],
)
def test_path(resource: Resource, arguments: tuple[str, ...], path: str) -> None:
    """The path of an object follows from its resource, namespace and name."""
    assert resource.path(*arguments) == path


@pytest.mark.parametrize("name", ["../secrets", "a/b", ".", "..", "a%2fb"])
def test_a_name_cannot_walk_to_another_path(name: str) -> None:
    """A name that would change the path is refused before anything is sent."""
    with pytest.raises(InvalidInput, match="not a name that can stand in a URL path"):
        resources.PODS.path("a", name)
    with pytest.raises(InvalidInput, match="not a name that can stand in a URL path"):
        resources.PODS.path(name)


def test_a_query_in_a_name_stays_a_name() -> None:
    """Characters with a meaning in URLs are quoted."""
    assert resources.PODS.path("a", "b?force=true#c") == "/api/v1/namespaces/a/pods/b%3Fforce%3Dtrue%23c"


def test_an_object_of_a_namespace_needs_one() -> None:
    """Naming a namespaced object without its namespace is refused, with the cure."""
    with pytest.raises(InvalidInput, match="Pod web: no namespace given"):
        resources.PODS.path("", "web")


def test_well_known_kinds() -> None:
    """Each constant is found by the apiVersion and kind of its objects."""
    assert resources.WELL_KNOWN
    for (api_version, kind), resource in resources.WELL_KNOWN.items():
        assert resource_of({"apiVersion": api_version, "kind": kind}) is resource


def test_an_unknown_kind_says_what_to_do() -> None:
    """A kind that is not listed is told by name, and how to look it up."""
    with pytest.raises(UnknownKind, match=r"Gadget of acme\.io/v2") as caught:
        resource_of({"apiVersion": "acme.io/v2", "kind": "Gadget"})

    assert "discover" in caught.value.hint
