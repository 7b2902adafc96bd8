"""What staging may have and a preview not is left out, told, and then passes the early check."""

from __future__ import annotations

from typing import Any

import pytest

from kubepreview.core.podcheck import Limits
from kubepreview.core.precheck import check
from kubepreview.core.wire import Object
from kubepreview.render.manifests import Manifest
from kubepreview.render.staging_only import left_out
from tests.core.examples import IMAGE, deployment, service

_ISTIO, _DNS = "sidecar.istio.io/inject", "external-dns.alpha.kubernetes.io/hostname"


def _cron_job() -> Object:
    pod = {"containers": [{"name": "web", "image": IMAGE}], "restartPolicy": "Never"}
    job = {"spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": pod}}}
    spec = {"schedule": "@daily", "jobTemplate": job}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "web"}, "spec": spec}


def _pod() -> Object:
    template = deployment()["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": template["spec"]}


def _done(obj: Object) -> tuple[Object, tuple[str, ...]]:
    change = left_out([Manifest(object=obj, where="web.yaml:1")])
    (manifest,) = change.manifests
    assert not change.problems
    return manifest.object, change.notes


@pytest.mark.parametrize("obj", [deployment(), _cron_job(), _pod(), service()], ids=lambda obj: obj["kind"])
def test_what_says_nothing_of_it_stays_as_it_is(obj: Object) -> None:
    """And nothing is noted."""
    assert _done(obj) == (obj, ())


@pytest.mark.parametrize(
    ("spec", "gone"),
    [
        ({"tolerations": [{"operator": "Exists"}]}, "tolerations"),
        ({"nodeName": "node-1", "schedulerName": "mine"}, "nodeName, schedulerName"),
        ({"terminationGracePeriodSeconds": 1800}, "terminationGracePeriodSeconds"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_where_pods_run_and_how_slowly_they_end_is_left_out(spec: dict[str, Any], gone: str) -> None:
    """In a template as in a Pod; what the pods are stays."""
    for obj in (deployment(), _pod()):
        pods = obj["spec"] if obj["kind"] == "Pod" else obj["spec"]["template"]["spec"]
        pods |= spec
        title = f"{obj['kind']}/web"
        found, notes = _done(obj)

        assert notes == (f"{title}: left out what is not for a preview: {gone}",)
        assert check([found], Limits(namespace="p")) == []
        assert IMAGE in str(found)


def test_a_short_grace_is_the_authors() -> None:
    """It is left alone."""
    obj = deployment()
    obj["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 5

    assert _done(obj) == (obj, ())


def test_what_asks_others_is_left_out_wherever_it_stands() -> None:
    """Of the object and of its pods; other annotations and labels stay."""
    obj = deployment()
    obj["metadata"] |= {"finalizers": ["example.com/keep"], "annotations": {_DNS: "x", "team": "web"}}
    obj["spec"]["template"]["metadata"]["labels"][_ISTIO] = "true"
    found, notes = _done(obj)

    gone = f"finalizers, {_DNS}, {_ISTIO}"
    assert notes == (f"Deployment/web: left out what is not for a preview: {gone}",)
    assert found["metadata"] == {"name": "web", "annotations": {"team": "web"}}
    assert found["spec"]["template"]["metadata"]["labels"] == {"app": "web"}
    assert check([found], Limits(namespace="p")) == []


def test_a_disruption_budget_is_left_out() -> None:
    """A preview does not hold up whoever drains a node."""
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}}
    change = left_out([Manifest(object=budget, where="web.yaml:1"), Manifest(object=service(), where="a")])

    assert [manifest.object["kind"] for manifest in change.manifests] == ["Service"]
    assert change.notes == (
        "PodDisruptionBudget/web: left out; a preview does not hold up whoever drains a node",
    )


@pytest.mark.parametrize("published", ["NodePort", "LoadBalancer"])
def test_a_published_service_answers_inside_of_the_cluster(published: str) -> None:
    """Its ports and what it selects stay; what publishes it does not."""
    obj = service()
    spec = {**obj["spec"], "ports": [{"port": 80, "nodePort": 30080}], "type": published}
    obj["spec"] = spec | {"externalTrafficPolicy": "Local", "loadBalancerIP": "10.0.0.1"}
    found, notes = _done(obj)

    assert found["spec"] == {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    assert notes == (f"Service/web: left out what is not for a preview: type {published}",)


def test_a_service_that_leads_elsewhere_stays_to_be_refused() -> None:
    """An ExternalName is no address inside of the cluster, whatever is left out of it."""
    obj = service()
    obj["spec"] = {"type": "ExternalName", "externalName": "staging.example.com"}

    assert _done(obj) == (obj, ())
    assert check([obj], Limits(namespace="p"))


def test_no_account_and_no_pod_offers_a_token() -> None:
    """Nor are there rights that nobody could use."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web"}}
    found, notes = _done({**account, "automountServiceAccountToken": True})
    assert (found, len(notes)) == (account, 1)
    pod = _pod()
    pod["spec"] = {**pod["spec"], "automountServiceAccountToken": True}
    assert _done(pod)[0] == _pod()
    # Who says so himself is believed, as not every cluster would put it in.
    said = {"automountServiceAccountToken": False}
    quiet = {**_pod(), "spec": {**_pod()["spec"], **said}}
    for obj in ({**account, **said}, quiet):
        assert _done(obj) == (obj, ())
    rbac = "rbac.authorization.k8s.io/v1"
    for kind in ("Role", "RoleBinding"):
        obj = {"apiVersion": rbac, "kind": kind, "metadata": {"name": "web"}}
        assert left_out([Manifest(object=obj, where="web.yaml:1")]).manifests == ()


def test_what_another_controller_would_read_is_left_out() -> None:
    """A kind of those whose annotations go, too; any other kind stays, and is refused with its cure."""
    component = {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": "store"}}
    secret = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "x"}}
    change = left_out([Manifest(object=each, where="a") for each in (component, secret)])

    assert [manifest.object for manifest in change.manifests] == [secret]
    assert check([secret], Limits(namespace="p"))
