"""What a project becomes, from what was given and what was seen.

- everything that is not given follows from the name, the baseline's host, or the cluster
- what follows from neither is asked for, all at once
- what the objects are, and what a change of a project is told as
"""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from kubepreview.core import installation, keys, projects
from kubepreview.core.ingress import IngressClass, address_of, default_class
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.projects import Given, Ingress, Seen
from kubepreview.errors import InvalidInput

SHOP = Given(name="shop", repository="acme/shop")
TRAEFIK = IngressClass(name="traefik", word="traefik.io/ingress-controller", is_default=True)
OTHER = IngressClass(name="other", word="example.com/other")
HERE = Seen(
    classes=(TRAEFIK,),
    ingresses={"traefik": Ingress(namespaces=("traefik",), address="traefik.traefik.svc:80")},
    local_port=8181,
)
ELSEWHERE = replace(HERE, local_port=0)


def test_a_name_and_a_cluster_of_this_machine_are_enough() -> None:
    """Names from the name, the link with the published port, the controller's way through the Service."""
    spec = projects.project_spec(SHOP, HERE)

    assert spec.namespace_pattern == "shop-pr-{number}"
    assert spec.host_pattern == "pr-{number}.shop.localhost"
    assert spec.baseline.namespace == "shop-staging"
    assert spec.route.port == 8181
    assert spec.route.address == "traefik.traefik.svc:80"
    assert spec.route.ingress_namespace == "traefik"
    assert spec.pod_profile == "userns"


def test_elsewhere_previews_stand_below_the_baselines_host() -> None:
    """As the seed has it: pr-7.rapidrar.example.com beside rapidrar.example.com, with no port."""
    spec = projects.project_spec(replace(SHOP, baseline_host="shop.example.com"), ELSEWHERE)

    assert spec.host_pattern == "pr-{number}.shop.example.com"
    assert (spec.route.port, spec.route.address) == (0, "")


def test_all_that_is_missing_is_asked_for_at_once() -> None:
    """Host, class and namespace: three problems, each with the option that mends it."""
    with pytest.raises(InvalidInput) as told:
        projects.project_spec(SHOP, Seen(classes=(OTHER, replace(OTHER, name="second"))))

    assert [problem.where for problem in told.value.problems] == ["--host-pattern", "--ingress-class"]
    assert "other, second" in told.value.problems[1].cure

    with pytest.raises(InvalidInput) as unknown:
        projects.project_spec(replace(SHOP, host_pattern="pr-{number}.a.b"), Seen(classes=(OTHER,)))
    assert [problem.where for problem in unknown.value.problems] == ["--ingress-namespace"]


def test_a_class_that_is_not_there_is_told() -> None:
    """Named on the command line, but not in the cluster: nothing would ever be served."""
    with pytest.raises(InvalidInput) as told:
        projects.project_spec(replace(SHOP, ingress_class="nginx", ingress_namespace="nginx"), HERE)

    assert str(told.value.problems[0]) == "--ingress-class: no IngressClass nginx (there is traefik)"


def test_an_ingress_in_two_namespaces_is_not_guessed() -> None:
    """Opening the wrong one would leave previews unreachable, and the other reachable."""
    two = replace(HERE, ingresses={"traefik": Ingress(namespaces=("a", "b"))})

    with pytest.raises(InvalidInput) as told:
        projects.project_spec(SHOP, two)

    assert "its pods run in a, b" in told.value.problems[0].what


def test_without_user_namespaces_a_project_is_restricted() -> None:
    """Unless its owner says otherwise."""
    without = replace(HERE, user_namespaces="no user namespaces on node-1")

    assert projects.project_spec(SHOP, without).pod_profile == "restricted"
    assert projects.project_spec(replace(SHOP, pod_profile="userns"), without).pod_profile == "userns"


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (replace(SHOP, repository="shop"), "spec.repository"),
        (replace(SHOP, namespace_pattern="shop"), "spec.namespacePattern"),
        (replace(SHOP, host_pattern="pr-{number}"), "spec.hostPattern"),
        (replace(SHOP, quota={"cpu": "much"}), "spec.quota.cpu"),
        (replace(SHOP, revision_path="version"), "spec.revisionPath"),
    ],
)
def test_what_the_apiserver_would_refuse_is_told_before(given: Given, where: str) -> None:
    """With the field's name, as it stands in the object."""
    with pytest.raises(InvalidInput) as told:
        projects.project_spec(given, HERE)

    assert where in told.value.problems[0].where


def test_what_is_given_stays() -> None:
    """Nothing that the owner said is decided again."""
    given = replace(
        SHOP,
        port=9000,
        scheme="https",
        ingress_address="10.0.0.1:80",
        image_prefixes=("ghcr.io/acme/",),
        quota={"cpu": "16", "pods": 5},
        daemon_sets="Keep",
        revision_path="/version",
        time_to_live="3d",
        on_push="StayAsleep",
        sleep_after="Never",
        passive_agents=("our-monitor",),
        feedback=("Check",),
        pull_requests={"drafts": "Skip"},
    )

    spec = projects.project_spec(given, HERE)

    assert (spec.route.port, spec.route.scheme, spec.route.address) == (9000, "https", "10.0.0.1:80")
    assert spec.image_prefixes == ("ghcr.io/acme/",)
    assert (spec.quota.cpu, spec.quota.pods, spec.quota.memory) == ("16", 5, "8Gi")
    assert (spec.daemon_sets, spec.revision_path) == ("Keep", "/version")
    assert (spec.time_to_live, spec.on_push) == ("3d", "StayAsleep")
    assert (spec.sleep_after, spec.passive_agents) == ("Never", ("our-monitor",))
    assert (spec.feedback, spec.pull_requests.drafts) == (("Check",), "Skip")


def test_the_objects_are_a_namespace_a_project_and_a_poor_identity() -> None:
    """CI's account has no token mounted and a Role of six words; the namespace is no preview's."""
    namespace, project, account, role, binding, *_ = projects.objects(SHOP, projects.project_spec(SHOP, HERE))

    assert keys.MANAGED not in namespace["metadata"]["labels"]
    assert project["metadata"] == {"name": "shop", "namespace": "shop-previews"}
    assert account["automountServiceAccountToken"] is False
    assert [(rule["resources"], rule["verbs"]) for rule in role["rules"]] == [
        (["previews"], ["get", "list", "watch", "create", "patch"]),
        (["previewprojects"], ["get"]),
    ]
    assert binding["subjects"][0]["name"] == account["metadata"]["name"]


def test_a_change_is_told_field_by_field() -> None:
    """A default that the apiserver wrote out is no change; what differs is shown before and after."""
    spec = projects.project_spec(SHOP, HERE)
    stored = {"spec": msgspec.to_builtins(spec) | {"quota": {"cpu": "8", "pods": 20}, "forks": "Off"}}
    assert projects.changes(stored, spec) == ()

    other = projects.project_spec(replace(SHOP, quota={"cpu": "4"}, image_prefixes=("a/", "b/")), HERE)

    assert projects.changes(stored, other) == ("spec.imagePrefixes:  → a/, b/", "spec.quota.cpu: 8 → 4")


def test_a_specs_wire_form_is_read_back_as_itself() -> None:
    """What is applied says what was decided."""
    spec = projects.project_spec(SHOP, HERE)
    project = projects.objects(SHOP, spec)[1]

    assert msgspec.convert(project["spec"], ProjectSpec) == spec


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        ((), None),
        ((OTHER,), "other"),
        ((OTHER, TRAEFIK), "traefik"),
        ((OTHER, replace(OTHER, name="second")), None),
        ((TRAEFIK, replace(TRAEFIK, name="second")), None),
    ],
)
def test_the_default_class_is_the_marked_or_the_only_one(
    classes: tuple[IngressClass, ...], name: str | None
) -> None:
    """Two that are both marked, or neither, decide nothing."""
    found = default_class(classes)

    assert (found.name if found else None) == name


def test_an_ingress_class_is_read_from_its_object() -> None:
    """Name, controller, and whether it is marked as the default."""
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"}
    obj = {"metadata": {"name": "t", "annotations": annotations}, "spec": {"controller": "traefik.io/x"}}

    found = IngressClass.of(obj)

    assert (found.name, found.is_default) == ("t", True)
    assert found.controller is not None
    assert found.controller.pods == "app.kubernetes.io/name=traefik"


def test_the_address_of_an_ingress_is_a_service_that_leads_to_its_pods() -> None:
    """Over port 80; a Service of something else, or without such a port, is not it."""
    pods = [{"metadata": {"labels": {"app": "t"}}}]
    metadata = {"namespace": "n"}
    services = [
        {
            "metadata": {**metadata, "name": "else"},
            "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]},
        },
        {
            "metadata": {**metadata, "name": "admin"},
            "spec": {"selector": {"app": "t"}, "ports": [{"port": 9}]},
        },
        {
            "metadata": {**metadata, "name": "web"},
            "spec": {"selector": {"app": "t"}, "ports": [{"port": 80}]},
        },
    ]

    assert address_of(pods, services) == "web.n.svc:80"
    assert address_of(pods, services[:2]) == ""


def test_the_controller_may_keep_evidence_in_the_projects_own_namespace() -> None:
    """Its rights to ConfigMaps end there: it has none in the cluster."""
    *_, role, binding = projects.objects(SHOP, projects.project_spec(SHOP, HERE))

    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == SHOP.control_namespace
    assert [rule["resources"] for rule in role["rules"]] == [["configmaps"]]
    assert [(each["name"], each["namespace"]) for each in binding["subjects"]] == [
        ("kubepreview-controller", "kubepreview-system")
    ]


def test_the_controller_writes_previews_where_it_takes_artifacts_and_nowhere_else() -> None:
    """Elsewhere it only changes those that others have written."""
    taking = replace(SHOP, artifacts="ghcr.io/acme/shop/previews")
    *_, role, binding = projects.objects(taking, projects.project_spec(taking, HERE))
    verbs = {
        verb
        for obj in installation.objects()
        if obj["kind"] in ("Role", "ClusterRole") and obj["metadata"]["name"] == "kubepreview-controller"
        for rule in obj["rules"]
        if "previews" in rule["resources"]
        for verb in rule["verbs"]
    }

    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == SHOP.control_namespace
    assert [(rule["resources"], rule["verbs"]) for rule in role["rules"]] == [
        (["previews"], ["create", "patch"])
    ]
    assert "create" not in verbs
    assert not [
        obj
        for obj in projects.objects(SHOP, projects.project_spec(SHOP, HERE))
        if obj["metadata"]["name"] == role["metadata"]["name"]
    ]


def test_where_previews_may_connect_is_checked_as_it_is_written() -> None:
    """Each that cannot be meant is told as it stands on the command line."""
    given = replace(SHOP, egress=("203.0.113.0/24=443", "169.254.169.254/32", "nowhere"))
    with pytest.raises(InvalidInput) as refused:
        projects.project_spec(given, HERE)

    assert "cidr" in str(refused.value.problems[0])
    good = projects.project_spec(replace(SHOP, egress=given.egress[:1]), HERE)
    assert [each.cidr for each in good.egress] == ["203.0.113.0/24"]
    with pytest.raises(InvalidInput) as refused:
        projects.project_spec(replace(SHOP, egress=given.egress[:2]), HERE)
    assert [problem.where for problem in refused.value.problems] == ["--egress 169.254.169.254/32"]


def test_pods_wait_wherever_that_can_be_put_in() -> None:
    """And start at once where the cluster mutates nothing, or where it is said."""
    starts = [
        projects.project_spec(given, seen).pod_start
        for given, seen in (
            (SHOP, HERE),
            (SHOP, replace(HERE, mutates=False)),
            (replace(SHOP, pod_start="AtOnce"), HERE),
        )
    ]
    assert starts == ["WhenIsolated", "AtOnce", "AtOnce"]
