"""What the apiserver says no to, for authors; and which pods are tried before anything is written."""

from __future__ import annotations

import pytest

from kubepreview.core.model import ObjectRef
from kubepreview.core.refusals import is_about_pods, refusal, trial_pod
from kubepreview.core.wire import Object

_REF = ObjectRef(api_version="v1", kind="Pod", name="web")


def _workload(kind: str, **spec: object) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "db", "namespace": "rapidrar-pr-7"},
        "spec": {"template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": []}}, **spec},
    }


@pytest.mark.parametrize(
    ("message", "cure"),
    [
        ('pods "web" is forbidden: exceeded quota: kubepreview', "lower what it asks for"),
        ('violates PodSecurity "baseline:v1.34": host namespaces', "remove the field"),
        ("spec.hostNetwork: Forbidden: when `hostUsers` is false", "leave the field out"),
        (".spec.selectors: field not declared in schema", "correct the spelling of the field"),
    ],
)
def test_a_refusal_names_the_object_and_the_cure(message: str, cure: str) -> None:
    """The server's own words are kept, between whose they are and what mends it."""
    said = refusal(_REF, message)

    assert said.startswith(f"Pod/web: {message} → {cure}")


def test_a_refusal_without_a_known_cure_is_told_as_it_is() -> None:
    """Nothing is made up where nothing is known."""
    assert refusal(_REF, "something new") == "Pod/web: something new"


def test_a_stateful_set_is_tried_as_the_pod_it_would_make() -> None:
    """With a volume for each claim, which its own controller would put in."""
    claim = {"metadata": {"name": "data"}, "spec": {}}
    pod = trial_pod(_workload("StatefulSet", volumeClaimTemplates=[claim]))

    assert pod is not None
    assert (pod["kind"], pod["metadata"]["namespace"]) == ("Pod", "rapidrar-pr-7")
    assert pod["metadata"]["labels"] == {"app": "db"}
    assert pod["spec"] == {"containers": [], "volumes": [{"name": "data", "emptyDir": {}}]}


@pytest.mark.parametrize("odd", [7, "words", {"a": "b"}, [7], None])
def test_whatever_shape_a_workload_has_it_is_tried(odd: object) -> None:
    """An author may have written anything; the apiserver says what is wrong with it, and we do not crash."""
    workload = _workload("StatefulSet", volumeClaimTemplates=odd)
    workload["spec"]["template"] = {"metadata": odd, "spec": {"volumes": odd}}

    assert trial_pod(workload) is not None


def test_a_deployment_is_not_tried_because_its_controller_tells() -> None:
    """Its status says which pods are refused; a second question would say nothing new."""
    assert trial_pod(_workload("Deployment")) is None


@pytest.mark.parametrize(
    ("message", "is_lasting"),
    [
        ('pods "db-trial" is forbidden: violates PodSecurity "baseline:v1.34": privileged', True),
        ("pods \"db-trial\" is forbidden: ValidatingAdmissionPolicy 'kubepreview-pods' denied", True),
        ('pods "db-trial" is forbidden: exceeded quota: kubepreview', False),
        ('error looking up service account rapidrar-pr-7/db: serviceaccount "db" not found', False),
        ("", False),
    ],
)
def test_only_what_the_pod_will_meet_again_counts(message: str, *, is_lasting: bool) -> None:
    """Room in the quota, and an account of the same manifests, may be there when the pod is made."""
    assert is_about_pods(message) is is_lasting
