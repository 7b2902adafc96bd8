"""What rendering does to a user's objects, one kind of change at a time."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubepreview.core.kinds import pod_template
from kubepreview.core.wire import Object
from kubepreview.render import daemonsets, labels, namespaces, order, texts, tidy
from kubepreview.render.manifests import Change, Manifest

from .manifests import deployment, of, service

_LABELS = {"kubepreview.dev/origin": "pull-request"}


# --- tidy ----------------------------------------------------------------------------------------


def test_what_only_a_cluster_writes_is_left_out() -> None:
    """`kubectl get -o yaml` is where many manifests come from."""
    written: Object = {"uid": "1", "resourceVersion": "2", "managedFields": [{}], "creationTimestamp": None}
    change = tidy.tidy([of("Pod", metadata=written, status={"phase": "Running"}, spec={})])

    assert change.manifests[0].object == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {},
    }
    assert change.notes == (
        "Pod/web: left out what only a cluster writes: status, managedFields, resourceVersion, uid",
    )


def test_empty_marks_of_tools_go_without_a_note() -> None:
    """`status: {}` and `creationTimestamp: null` say nothing."""
    change = tidy.tidy([of("Pod", metadata={"creationTimestamp": None}, status={})])

    assert change.manifests[0].object == of("Pod").object
    assert change.notes == ()


# --- namespaces ----------------------------------------------------------------------------------


def _in(namespace: str, name: str = "web") -> Manifest:
    return of("Service", name, metadata={"namespace": namespace})


def _moved(*manifests: Manifest, baseline: str = "") -> Change:
    return namespaces.removed(manifests, namespaces.own(manifests, baseline))


def _named(change: Change) -> list[str | None]:
    return [one.object["metadata"].get("namespace") for one in change.manifests]


def test_the_baselines_namespace_is_taken_out() -> None:
    """Manifests written for staging run in the preview."""
    change = _moved(_in("staging"), of("ConfigMap"), baseline="staging")

    assert _named(change) == [None, None]
    assert change.notes == ("the namespace 'staging', which the objects name, is now the preview's",)
    assert change.problems == ()


def test_the_one_namespace_that_all_name_is_taken_out() -> None:
    """Without a baseline too; and naming `default` is the same as naming none."""
    assert _moved(_in("shop", "a"), _in("shop", "b")).problems == ()
    assert _moved(_in("default", "a"), of("Service", "b")).problems == ()
    assert _named(_moved(_in("shop", "a"), _in("shop", "b"))) == [None, None]


def test_a_namespace_that_the_files_bring_is_theirs() -> None:
    """The Namespace object goes, and so does its name from the objects."""
    change = _moved(of("Namespace", "shop"), _in("shop", "a"), of("Service", "b"))

    assert [one.title for one in change.manifests] == ["Service/a", "Service/b"]
    assert _named(change) == [None, None]
    assert "Namespace/shop: left out; the preview has a namespace of its own" in change.notes


def test_an_object_of_another_namespace_is_a_problem() -> None:
    """With the object, its place, the namespace and what mends it."""
    (problem,) = _moved(_in("staging", "a"), _in("kube-system", "b"), baseline="staging").problems

    assert str(problem) == (
        "b.yaml:1: Service/b names the namespace 'kube-system' "
        "(remove metadata.namespace; a preview's objects live in its own namespace)"
    )


def test_a_namespace_that_is_not_that_of_the_objects_is_a_problem() -> None:
    """Bringing one namespace and using another is a mistake, whichever was meant."""
    (problem,) = _moved(of("Namespace", "shop"), _in("other", "a")).problems

    assert "Namespace/shop is not the namespace that the objects name: other" in problem.what


# --- DaemonSets ----------------------------------------------------------------------------------


def _daemon_set() -> Manifest:
    spec = {
        **deployment().object["spec"],
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "minReadySeconds": 5,
        "revisionHistoryLimit": 3,
    }
    return of("DaemonSet", api_version="apps/v1", spec=spec)


def test_a_daemon_set_becomes_a_deployment_of_one_replica() -> None:
    """Selector, template and what both kinds have stay; the strategy, which counts nodes, goes."""
    change = daemonsets.as_deployments([_daemon_set(), service()])

    expected = copy.deepcopy(deployment().object)
    expected["spec"] |= {"replicas": 1, "minReadySeconds": 5, "revisionHistoryLimit": 3}
    assert [one.object for one in change.manifests] == [expected, service().object]
    assert change.notes == (
        "DaemonSet/web: now a Deployment with one replica; its updateStrategy is left out",
    )


def test_a_deployment_in_the_way_of_a_daemon_set_is_a_problem() -> None:
    """Neither is overwritten."""
    (problem,) = daemonsets.as_deployments([deployment(), _daemon_set()]).problems

    assert "DaemonSet/web would become Deployment/web, which is there already" in problem.what


# --- texts ---------------------------------------------------------------------------------------


def _changed(text: str, *services: str, host: str = "shop.example.com") -> tuple[str, tuple[str, ...]]:
    manifests = [deployment(env=[{"name": "A", "value": text}]), *(service(name) for name in services)]
    renamings = texts.of_host(host, "pr-7.shop.example.com")
    renamings += texts.of_services(manifests, frozenset({"stage", "default"}))
    change = texts.renamed(manifests, renamings)
    template = change.manifests[0].object["spec"]["template"]
    return template["spec"]["containers"][0]["env"][0]["value"], change.notes


def test_the_baselines_host_becomes_the_previews() -> None:
    """With scheme, port or path around it, as often as it is there; one note for all."""
    text = "https://shop.example.com/a,shop.example.com:8080 (see shop.example.com.)"
    changed, notes = _changed(text)

    assert changed == text.replace("shop.example.com", "pr-7.shop.example.com")
    assert notes == ("Deployment/web: shop.example.com is now pr-7.shop.example.com in env A",)


def test_a_host_inside_of_another_name_is_left_alone() -> None:
    """Sub-domains, longer names and look-alikes are other hosts."""
    for text in (
        "api.shop.example.com",
        "shop.example.com.au",
        "myshop.example.com",
        "my-shop.example.com",
        "shop.example.community",
        "shop.example.com-old",
        "shopXexample.com",
    ):
        assert _changed(text) == (text, ())


def test_an_address_of_an_own_service_loses_its_namespace() -> None:
    """Else the preview would talk to the baseline's database. Services of others keep theirs."""
    assert _changed("postgres://db.stage.svc.cluster.local:5432/x", "db")[0] == "postgres://db:5432/x"
    assert _changed("db.stage:1,db.stage.svc:2,db-0.db.stage.svc:3", "db")[0] == "db:1,db:2,db-0.db:3"
    assert _changed("db.stage", "db")[1] == ("Deployment/web: db.stage is now db in env A",)
    for text in ("mail.stage.svc", "db.other.svc", "mydb.stage", "db.stage.example.com", "db.stages"):
        assert _changed(text, "db")[0] == text


def test_every_place_of_an_address_is_found() -> None:
    """Arguments, commands, init containers and ConfigMaps; a Secret and a label are left alone."""
    pod: dict[str, Any] = {
        "initContainers": [{"name": "i", "args": ["--at=a.b", 7]}],
        "containers": [{"name": "c", "command": ["a.b"], "env": [{"name": "E"}, {"name": "F", "value": 1}]}],
    }
    manifests = [
        of("Pod", spec=pod, metadata={"labels": {"l": "a.b"}}),
        of("ConfigMap", data={"k": "x a.b y"}),
        of("Secret", stringData={"k": "a.b"}),
    ]
    before = copy.deepcopy(manifests)
    change = texts.renamed(manifests, texts.of_host("a.b", "c.d"))

    first, second, third = (one.object for one in change.manifests)
    assert first["spec"]["initContainers"][0]["args"] == ["--at=c.d", 7]
    assert first["spec"]["containers"][0]["command"] == ["c.d"]
    assert first["metadata"]["labels"] == {"l": "a.b"}
    assert second["data"] == {"k": "x c.d y"}
    assert third == manifests[2].object
    assert change.notes == (
        "Pod/web: a.b is now c.d in args, command",
        "ConfigMap/web: a.b is now c.d in data k",
    )
    assert manifests == before


# --- labels --------------------------------------------------------------------------------------


def test_labels_are_put_on_objects_and_pod_templates() -> None:
    """Also on the template inside of a CronJob's template, and where there was no label before."""
    cron = of("CronJob", api_version="batch/v1", spec={"jobTemplate": {"spec": {"template": {"spec": {}}}}})
    change = labels.added([cron, of("Pod", spec={}), of("ConfigMap", metadata={"labels": None})], _LABELS)

    for manifest in change.manifests:
        assert manifest.object["metadata"]["labels"] == _LABELS
    template = pod_template(change.manifests[0].object)
    assert template is not None
    assert template["metadata"]["labels"] == _LABELS
    assert change.problems == ()


def test_a_label_of_ours_with_another_value_is_a_problem() -> None:
    """A selector may count on it; the same value is no harm, so that rendering twice is allowed."""
    (problem,) = labels.added([of("Pod", metadata={"labels": {"a": "1"}})], {"a": "2"}).problems
    assert "Pod/web has the label a" in problem.what

    once = labels.added([deployment()], _LABELS)
    assert labels.added(once.manifests, _LABELS) == once


# --- order ---------------------------------------------------------------------------------------


def test_objects_are_in_the_order_in_which_they_are_read() -> None:
    """Configuration, Services, workloads, then the rest; by name within a kind."""
    manifests = [
        of("Component", "z", "dapr.io/v1"),
        deployment("b"),
        service("b"),
        deployment("a"),
        of("Secret"),
        of("ConfigMap"),
    ]
    titles = [one.title for one in order.ordered(manifests)]

    assert titles == [
        "ConfigMap/web",
        "Secret/web",
        "Service/b",
        "Deployment/a",
        "Deployment/b",
        "Component/z",
    ]
    assert order.ordered(reversed(manifests)) == order.ordered(manifests)


def test_limits_are_told_with_the_numbers() -> None:
    """How many, how large, what the bound is, and which object is the largest."""
    big = of("ConfigMap", "big", data={"k": "x" * 300_000})
    objects = [of("ConfigMap", f"c{number}").object for number in range(99)] + [big.object, big.object]
    many, large = order.beyond_limits(objects, "k8s")

    assert many.what == "101 objects; a preview holds at most 100"
    assert large.what == "592 KiB of objects; a preview holds at most 512 KiB"
    assert "ConfigMap/big with 293 KiB" in large.cure
    assert order.beyond_limits(objects[:100], "k8s") == []


# --- properties ----------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["", "web", "shop.example.com", "db.stage.svc"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["metadata", "labels", "spec", "template", "selector", "containers", "env", "value"]
            )
            | st.sampled_from(
                ["data", "image", "args", "ports", "rules", "jobTemplate", "volumes", "initContainers"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
_KINDS = st.sampled_from(
    [
        *(("v1", kind) for kind in ("Pod", "ConfigMap", "Service", "Namespace")),
        *(("apps/v1", kind) for kind in ("Deployment", "DaemonSet")),
        ("batch/v1", "CronJob"),
        ("networking.k8s.io/v1", "Ingress"),
    ]
)


# Fifty find what two hundred find. How long drawing takes on a busy machine says nothing about the code.
_few = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def _objects(draw: st.DrawFn) -> Object:
    """An object with a name, whose insides may have any shape at all."""
    api_version, kind = draw(_KINDS)
    metadata = {
        "name": "web",
        "labels": draw(st.none() | st.dictionaries(st.sampled_from("ab"), st.just("x"))),
    }
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": metadata,
        "spec": draw(_JSON),
        "data": draw(_JSON),
    }


@_few
@given(st.lists(_objects(), max_size=4))
def test_no_shape_of_an_object_breaks_a_change(objects: list[Object]) -> None:
    """Authors write anything; it is passed on for the apiserver to refuse, and the input is never altered."""
    manifests = tuple(Manifest(object=obj, where="a.yaml:1") for obj in objects)
    before = copy.deepcopy(objects)
    ours = namespaces.own(manifests, "stage")
    renamings = texts.of_host("shop.example.com", "pr-7") + texts.of_services(manifests, ours)
    for change in (
        tidy.tidy(manifests),
        namespaces.removed(manifests, ours),
        daemonsets.as_deployments(manifests),
        texts.renamed(manifests, renamings),
        labels.added(manifests, _LABELS),
    ):
        assert order.canonical([one.object for one in order.ordered(change.manifests)])
    assert objects == before


@_few
@given(_objects())
def test_labels_never_change_a_selector(obj: Object) -> None:
    """All but metadata.labels of the object and its pod template stays as it was."""
    (changed,) = labels.added([Manifest(object=obj, where="")], _LABELS).manifests

    for one in (obj, changed.object):
        for holder in (one, pod_template(one) or {}):
            if isinstance(holder.get("metadata"), dict):
                holder["metadata"].pop("labels", None)
            if holder.get("metadata") in ({}, None):
                holder.pop("metadata", None)
    assert changed.object == obj
