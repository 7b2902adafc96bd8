"""The objects that a preview asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepreview.core import keys, kinds
from kubepreview.core.wanted import applied_hash
from kubepreview.core.wire import Object

from .examples import asked, config_map, deployment, preview, project, service


def test_the_route_is_made_of_validated_fields_only() -> None:
    """The Ingress has the preview's host, the entry's Service, and no annotation but our own hash."""
    route = asked().route

    assert route["spec"]["rules"][0]["host"] == "pr-7.rapidrar.example.com"
    assert set(route["metadata"]["annotations"]) == {keys.APPLIED_HASH}


def test_every_pod_template_gets_the_labels_and_the_priority() -> None:
    """Also where the author asked for another priority; selectors are left alone."""
    bold = deployment()
    bold["spec"]["template"]["spec"]["priorityClassName"] = "system-cluster-critical"
    (live,) = (obj for obj in asked(preview(bold, service())).objects if obj["kind"] == "Deployment")

    template = live["spec"]["template"]

    assert template["spec"]["priorityClassName"] == keys.PRIORITY_CLASS
    assert template["metadata"]["labels"][keys.PREVIEW] == "pr-7"
    assert live["spec"]["selector"] == {"matchLabels": {"app": "web"}}


@pytest.mark.parametrize(("profile", "level"), [("userns", "baseline"), ("restricted", "restricted")])
def test_the_namespace_is_guarded_by_the_write_that_creates_it(profile: str, level: str) -> None:
    """Pod Security and the pod profile are labels of the very first write."""
    labels = asked(by=project(podProfile=profile)).namespace["metadata"]["labels"]

    assert labels["pod-security.kubernetes.io/enforce"] == level
    assert labels[keys.POD_PROFILE] == profile


def test_a_new_commit_changes_only_the_hash_of_what_it_changed() -> None:
    """Objects that are the same in both revisions are not applied, and so not restarted, again."""
    before = asked(preview(deployment(), service(), config_map("a", x="1")))
    after = asked(preview(deployment(), service(), config_map("a", x="2")))

    changed = {
        kinds.ref_of(new).kind
        for old, new in zip(before.objects, after.objects, strict=True)
        if applied_hash(old) != applied_hash(new)
    }

    assert changed == {"ConfigMap"}


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["spec", "metadata", "labels", "template", "jobTemplate"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(spec=_json, kind=st.sampled_from(sorted(kinds.ALLOWED)))
def test_manifests_of_any_shape_are_decorated_without_a_crash(spec: Any, kind: tuple[str, str]) -> None:
    """An author may write anything under `spec`; the apiserver judges it, and the controller lives on."""
    odd: Object = {"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "odd"}, "spec": spec}

    wanted = asked(preview(odd, service()), project(daemonSets="Keep"))

    assert all(obj["metadata"]["namespace"] == "rapidrar-pr-7" for obj in wanted.objects)
