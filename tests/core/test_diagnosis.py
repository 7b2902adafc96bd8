"""What doctor makes of what it saw.

- each check: what is fine, what is a warning, what is wrong, and that each trouble has a cure
- an answer that did not come is unknown
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kubepreview import __version__
from kubepreview.core import diagnosis
from kubepreview.core.brake import Brake, Held
from kubepreview.core.diagnosis import Finding, Project
from kubepreview.core.ingress import IngressClass
from kubepreview.core.project_spec import Baseline, ProjectSpec, Route

TRAEFIK = IngressClass(name="traefik", word="traefik.io/ingress-controller")
RETIRED = IngressClass(name="nginx", word="k8s.io/ingress-nginx")


def project(
    ingress_class: str = "traefik", host: str = "pr-{number}.shop.example.com", **spec: Any
) -> Project:
    """A project, as `project create` writes it."""
    return Project(
        name="shop",
        spec=ProjectSpec(
            repository="acme/shop",
            namespace_pattern="shop-pr-{number}",
            host_pattern=host,
            baseline=Baseline(namespace="shop-staging"),
            route=Route(ingress_class_name=ingress_class, ingress_namespace="traefik"),
            **spec,
        ),
    )


def verdicts(findings: Sequence[Finding]) -> list[str]:
    """The verdicts; every finding that is not fine says what to do."""
    assert all(each.cure for each in findings if each.verdict in ("warn", "fail"))
    return [each.verdict for each in findings]


@pytest.mark.parametrize(
    ("version", "mutates", "verdict"),
    [
        ("v1.37.2", True, "ok"),
        ("v1.34.0-eks-1", True, "ok"),
        ("v1.35.1", False, "warn"),
        ("v1.33.9+k3s1", True, "warn"),
        ("v1.30.0", False, "warn"),
        ("v1.29.14", False, "fail"),
        ("", False, "fail"),
    ],
)
def test_the_version(version: str, mutates: bool, verdict: str) -> None:  # noqa: FBT001 - a column of the table
    """1.34 and later with mutation is fine; older is a warning; before 1.30 there is no wall."""
    assert verdicts([diagnosis.version(version, mutates=mutates)]) == [verdict]


def _deployment(version: str = __version__, available: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "n", "labels": {"app.kubernetes.io/version": version}},
        "status": {"availableReplicas": available},
    }


@pytest.mark.parametrize(
    ("missing", "deployment", "expected"),
    [
        ((), _deployment(), ["ok", "ok"]),
        ((), None, ["fail"]),
        (("ClusterRole x",), _deployment(), ["fail", "ok"]),
        ((), _deployment(available=0), ["ok", "fail"]),
        ((), _deployment(version="0.0.9"), ["ok", "warn"]),
        ((), {"metadata": {"namespace": "n"}}, ["ok", "fail"]),
    ],
)
def test_the_installation(
    missing: tuple[str, ...], deployment: dict[str, Any] | None, expected: list[str]
) -> None:
    """Every object by name, a controller that runs, and of this version."""
    assert (
        verdicts(list(diagnosis.installed(missing, {"controller": deployment, "gateway": None}))) == expected
    )


def test_rights_that_lack_are_named() -> None:
    """Who may not do everything is told what, and may still use the rest."""
    finding = diagnosis.rights({"create namespaces": True, "issue tokens": False})

    assert verdicts([finding]) == ["warn"]
    assert "issue tokens" in finding.seen
    assert "create namespaces" not in finding.seen
    assert diagnosis.rights({"create namespaces": True}).verdict == "ok"


@pytest.mark.parametrize(
    ("classes", "projects", "expected"),
    [
        ((TRAEFIK,), (project(),), ["ok"]),
        ((), (), ["fail"]),
        ((RETIRED, TRAEFIK), (), ["warn", "ok"]),
        ((TRAEFIK,), (project("nginx"),), ["ok", "fail"]),
        ((IngressClass(name="x", word="example.com/own"),), (), ["ok"]),
    ],
)
def test_the_ingress(
    classes: tuple[IngressClass, ...], projects: tuple[Project, ...], expected: list[str]
) -> None:
    """There is one, each project's is there, and one that nobody mends any more is a warning."""
    assert verdicts(list(diagnosis.ingress(classes, projects))) == expected


def test_the_retired_controller_is_named_with_its_date_and_its_heirs() -> None:
    """kubernetes/ingress-nginx ended on a day; the maintained ways are named beside it."""
    (finding,) = diagnosis.ingress((RETIRED,), (project("nginx"),))

    assert "2026-03-24" in finding.cure
    assert "Traefik" in finding.cure
    assert "Gateway API" in finding.cure
    assert "used by a project" in finding.seen


@pytest.mark.parametrize(
    ("host", "addresses", "trouble", "verdict"),
    [
        ("pr-{number}.shop.example.com", ("192.0.2.7",), "", "ok"),
        ("pr-{number}.shop.example.com", (), "", "fail"),
        ("pr-{number}.shop.example.com", (), "no answer in 10 s", "unknown"),
        ("pr-{number}.shop.localhost", (), "", "ok"),
    ],
)
def test_the_wildcard_record(host: str, addresses: tuple[str, ...], trouble: str, verdict: str) -> None:
    """A name of the pattern leads somewhere; no answer is not the answer that there is none."""
    finding = diagnosis.wildcard(project(host=host), addresses, trouble)

    assert verdicts([finding]) == [verdict]
    assert verdict != "fail" or "*.shop.example.com" in finding.cure


def test_a_trial_host_is_no_previews() -> None:
    """It fits the pattern, with a number that no pull request has."""
    assert diagnosis.trial_host(project()) == f"pr-{diagnosis.TRIAL_NUMBER}.shop.example.com"


@pytest.mark.parametrize(
    ("trouble", "projects", "verdict"),
    [
        ("", (project(),), "ok"),
        ("no user namespaces on node-1", (), "warn"),
        ("no user namespaces on node-1", (project(pod_profile="restricted"),), "warn"),
        ("no user namespaces on node-1", (project(),), "fail"),
    ],
)
def test_user_namespaces(trouble: str, projects: tuple[Project, ...], verdict: str) -> None:
    """Wrong only where a project counts on them."""
    assert verdicts([diagnosis.user_namespaces(trouble, projects)]) == [verdict]


@pytest.mark.parametrize(
    ("log", "verdict"),
    [
        ("         0 1907884032      65536\n", "ok"),
        ("         0          0 4294967295\n", "fail"),
        ("", "unknown"),
        ("python3: not found", "unknown"),
    ],
)
def test_who_root_in_a_pod_is_outside(log: str, verdict: str) -> None:
    """Root inside is nobody outside, or the pod has no user namespace of its own."""
    assert verdicts([diagnosis.uid_map(log)]) == [verdict]


@pytest.mark.parametrize(
    ("opened", "closed", "verdict"),
    [(True, True, "ok"), (True, False, "fail"), (False, False, "unknown"), (False, True, "unknown")],
)
def test_a_policy_is_proved_only_with_its_positive_control(opened: bool, closed: bool, verdict: str) -> None:  # noqa: FBT001 - columns
    """Two pods that never reached each other say nothing of policies."""
    finding = diagnosis.network(opened_before=opened, closed_after=closed, said="the last tries: closed")

    assert finding.verdict == verdict


@pytest.mark.parametrize(
    ("tries", "start", "verdict"),
    [
        ([], "AtOnce", "unknown"),
        ([False, False], "AtOnce", "ok"),
        ([True, False], "AtOnce", "warn"),
        ([True, False], "WhenIsolated", "ok"),
    ],
)
def test_a_moment_without_policies_matters_to_projects_that_do_not_wait(
    tries: list[bool], start: str, verdict: str
) -> None:
    """They are named, with what mends it."""
    finding = diagnosis.network_start(tries, [project(pod_start=start)])

    assert finding.verdict == verdict
    assert verdict != "warn" or ("shop" in finding.seen and "WhenIsolated" in finding.cure)


@pytest.mark.parametrize(
    ("configuration", "verdict"),
    [
        ({"podPidsLimit": 4096}, "ok"),
        ({"podPidsLimit": 4096, "readOnlyPort": 0}, "ok"),
        ({"podPidsLimit": 4096, "readOnlyPort": 10255}, "warn"),
        ({"podPidsLimit": -1}, "warn"),
        ({}, "warn"),
    ],
)
def test_what_only_a_node_holds_back_is_asked_of_it(configuration: dict[str, int], verdict: str) -> None:
    """Processes, and a port by which a kubelet tells everybody; what is not told is not known."""
    assert diagnosis.kubelets({"node-1": configuration}, []).verdict == verdict
    assert diagnosis.kubelets({}, ["node-1"]).verdict == "unknown"


def test_registries_are_those_that_images_come_from() -> None:
    """Hosts of allowed prefixes and of the controller's image, each once; Docker Hub's names have none."""
    own = project(image_prefixes=("ghcr.io/acme/", "localhost:5000/", "library/"))

    assert diagnosis.registries([own], ["ghcr.io/kubepreview/controller:v1"]) == ("ghcr.io", "localhost:5000")


def test_a_registry_that_does_not_answer_here_is_a_warning() -> None:
    """The cluster may reach what this machine does not."""
    assert verdicts([diagnosis.registry("ghcr.io", "no route")]) == ["warn"]
    assert verdicts([diagnosis.registry("ghcr.io", "")]) == ["ok"]


def test_what_the_brakes_hold_is_a_warning() -> None:
    """With the command that shows it and lets it go."""
    held = Brake(name="pull-requests", held=(Held("a", "one"), Held("b", "two")), released=frozenset("b"))

    assert diagnosis.brakes([Brake(name="namespaces")]).verdict == "ok"
    finding = diagnosis.brakes([held, Brake(name="namespaces")])
    assert finding.verdict == "warn"
    assert finding.seen == "they hold 1 previews whose pull request is over, as GitHub says"
    assert "kubepreview brake --release" in finding.cure
