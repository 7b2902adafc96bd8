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
