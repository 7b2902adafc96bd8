"""What may be built, decided from the two objects alone."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from kubepreview.core.acceptance import MAX_MANIFEST_BYTES, Accepted, Rejected, accept, without_project
from kubepreview.core.approvals import to_look_at
from kubepreview.core.model import Preview
from kubepreview.core.wire import Object

from .examples import OLD_SHA, SHA, config_map, deployment, preview, project, service


def _of(kind: str, api_version: str = "v1", **rest: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **rest}


def test_an_ordinary_preview_is_accepted() -> None:
    """A Deployment, a Service and an entry that names it are all that is asked for."""
    assert isinstance(accept(preview(), project()), Accepted)


@pytest.mark.parametrize(
    ("manifests", "reason", "names"),
    [
        ((_of("Namespace"),), "KindNotAllowed", "Namespace/x"),
        ((_of("ClusterRole", "rbac.authorization.k8s.io/v1"),), "KindNotAllowed", "ClusterRole/x"),
        ((_of("Ingress", "networking.k8s.io/v1"),), "KindNotAllowed", "Ingress/x"),
        ((_of("Deployment", "apps/v1beta1"),), "KindNotAllowed", "apps/v1beta1"),
        ((service(), _of("DaemonSet", "apps/v1")), "ManifestNotAllowed", "DaemonSet/x: kind"),
        ((_of("ConfigMap"), _of("ConfigMap")), "DuplicateObject", "ConfigMap/x"),
        (({"apiVersion": "v1", "kind": "ConfigMap"},), "ObjectWithoutName", "manifests[0]"),
        (({"apiVersion": "v1", "kind": "ConfigMap", "metadata": []},), "ObjectWithoutName", "manifests[0]"),
        (({"apiVersion": "v1", "kind": 7, "metadata": {"name": "x"}},), "ObjectWithoutName", "manifests[0]"),
        ((config_map("big", data="x" * MAX_MANIFEST_BYTES),), "ManifestsTooLarge", str(MAX_MANIFEST_BYTES)),
        ((deployment(), service("other")), "EntryNotFound", "Service web"),
    ],
)
def test_a_bad_object_is_named_with_its_cure(manifests: tuple[Object, ...], reason: str, names: str) -> None:
    """Whatever shape the manifests have, the answer is a reason and a sentence, never a crash."""
    verdict = accept(preview(*manifests), project())

    assert isinstance(verdict, Rejected)
    assert (verdict.reason, names in verdict.message) == (reason, True)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("registry.example.com/web:latest", "has no digest"),
        ("elsewhere.example.com/web@sha256:" + "c" * 64, "from elsewhere than the project allows"),
        ("", "is missing"),
    ],
)
def test_an_image_that_the_project_does_not_allow_is_refused_by_the_controller(image: str, says: str) -> None:
    """Who writes the Preview without our command line gets around no rule of the project."""
    bound = project(imagePrefixes=["registry.example.com/"])

    verdict = accept(preview(deployment(image=image), service()), bound)

    assert isinstance(verdict, Rejected)
    assert (verdict.reason, says in verdict.message) == ("ManifestNotAllowed", True)


def test_an_object_for_another_namespace_is_refused_not_moved() -> None:
    """What names staging is not quietly written into the preview instead."""
    stray = config_map("stray")
    stray["metadata"]["namespace"] = "rapidrar-staging"

    verdict = accept(preview(deployment(), service(), stray), project())

    assert isinstance(verdict, Rejected)
    assert "rapidrar-staging" in verdict.message


def test_a_missing_project_is_told_with_the_command_that_creates_it() -> None:
    """The message names the object that is looked for, and the way to make it."""
    verdict = without_project(preview())

    assert isinstance(verdict, Rejected)
    assert "rapidrar-previews/rapidrar" in verdict.message
    assert "kubepreview project create" in verdict.message


def _fork(approved: str = "") -> Preview:
    approval = {"approval": {"sha": approved, "by": "ada", "at": "2026-01-02T03:04:05Z"}} if approved else {}
    url = "https://github.example.com/acme/rapidrar/pull/7"
    return preview(pullRequest={"number": 7, "fromFork": True, "url": url}, **approval)


@pytest.mark.parametrize(
    ("forks", "approved", "reason"),
    [
        ("Off", "", "ForksOff"),
        ("Off", SHA, "ForksOff"),
        ("Approved", "", "ApprovalMissing"),
        ("Approved", OLD_SHA, "ApprovalMissing"),
    ],
)
def test_a_fork_gets_nothing_by_itself(forks: str, approved: str, reason: str) -> None:
    """Nor by an approval of another commit, nor where forks are off."""
    verdict = accept(_fork(approved), project(forks=forks))

    assert isinstance(verdict, Rejected)
    assert verdict.reason == reason


def test_an_approved_commit_of_a_fork_is_accepted() -> None:
    """This one, and where the project lets forks in."""
    assert isinstance(accept(_fork(SHA), project(forks="Approved")), Accepted)


@pytest.mark.parametrize(
    ("approved", "url"),
    [
        ("", f"https://github.example.com/acme/rapidrar/pull/7/commits/{SHA}"),
        (OLD_SHA, f"https://github.example.com/acme/rapidrar/compare/{OLD_SHA}...{SHA}"),
    ],
)
def test_who_approves_is_shown_what_it_lets_in(approved: str, url: str) -> None:
    """All of it, or what has changed since the last approved commit; and the command that approves it."""
    verdict = accept(_fork(approved), project(forks="Approved"))

    assert isinstance(verdict, Rejected)
    assert url in verdict.message
    assert f"`kubepreview approve 7 --sha {SHA}`" in verdict.message


def test_a_page_elsewhere_is_not_what_is_shown() -> None:
    """The page of the pull request is written by continuous integration; it leads to this repository only."""
    lies = preview(
        pullRequest={"number": 7, "fromFork": True, "url": "https://evil.example/acme/other/pull/7"}
    )

    assert to_look_at(lies, project().spec).startswith("https://github.com/acme/rapidrar/pull/7/")


def test_a_kept_daemon_set_is_accepted() -> None:
    """A project that needs hardware on every node says so once."""
    verdict = accept(preview(_of("DaemonSet", "apps/v1"), service()), project(daemonSets="Keep"))

    assert isinstance(verdict, Accepted)


def test_a_host_that_dns_cannot_hold_is_refused() -> None:
    """The host is judged as it would be, with the number in it."""
    verdict = accept(preview(), project(hostPattern="pr-{number}-" + "x" * 60 + ".example.com"))

    assert isinstance(verdict, Rejected)
    assert verdict.reason == "HostTooLong"


def test_manifests_that_are_still_built_are_waited_for() -> None:
    """And a preview that there shall not be is not said to be built."""
    waiting = preview(artifact=f"ghcr.io/acme/previews:{SHA}")
    waiting = replace(waiting, spec=replace(waiting.spec, entry=UNSET, manifests=()))
    draft = replace(waiting.spec.pull_request, draft=True)
    skipped = replace(waiting, spec=replace(waiting.spec, pull_request=draft))

    built, not_wanted = (
        accept(each, project(pullRequests={"drafts": "Skip"})) for each in (waiting, skipped)
    )
    assert isinstance(built, Rejected)
    assert isinstance(not_wanted, Rejected)
    assert (built.reason, not_wanted.reason) == ("Building", "Draft")
    assert built.message == f"{SHA[:7]} is being built: waiting for ghcr.io/acme/previews:{SHA}"
