"""What the credential of one project's CI can do to another project: nothing, with its real token.

What else it may do is asked pair by pair, on the node (`tests/cluster/test_project_credentials.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, TypeAlias

import pytest

from kubepreview.cli import installing
from kubepreview.core import keys, projects
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.errors import Forbidden
from kubepreview.kube.resources import (
    CONFIGMAPS,
    PREVIEW_PROJECTS,
    PREVIEWS,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
)
from tests.core.examples import SHA, project
from tests.figures import Figures
from tests.security.apiserver import acting_as
from tests.security.conftest import Walls

_OURS: Final = "alpha"
_THEIRS: Final = "beta"
_HOME: Final = f"{_OURS}-previews"
_ABROAD: Final = f"{_THEIRS}-previews"
# One attempt: the method, the path, and the body.
_Attempt: TypeAlias = tuple[str, str, Object | None]


def _preview(number: int, name: str, **spec: Any) -> Object:
    return {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": f"pr-{number}"},
        "spec": {
            "project": name,
            "pullRequest": {"number": number, "author": "eve"},
            "revision": {"sha": SHA, "observedAt": "2026-01-02T03:04:05Z"},
            "entry": {"service": "web", "port": 80},
            "manifests": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}],
            **spec,
        },
    }


def _attempts() -> Iterator[_Attempt]:
    """On previews, the project, and what stands around them; also on the project of its own."""
    theirs, there = PREVIEWS.path(_ABROAD), PREVIEWS.path(_ABROAD, "pr-7")
    limits = PREVIEW_PROJECTS.path(_ABROAD, _THEIRS)
    own_limits = PREVIEW_PROJECTS.path(_HOME, _OURS)
    more = {"spec": {"quota": {"cpu": "1000"}, "maxPreviews": 500}}
    elsewhere = {"spec": {"namespacePattern": "kube-{number}", "hostPattern": "{number}.example.com"}}
    closing: Object = {"spec": {"state": "Closed"}}
    yield "GET", theirs, None
    yield "GET", there, None
    yield "GET", PREVIEWS.path(), None
    yield "POST", theirs, _preview(8, _THEIRS)
    yield "POST", theirs, _preview(8, _OURS)
    yield "PUT", there, _preview(7, _THEIRS)
    yield "DELETE", there, None
    yield "DELETE", theirs, None
    yield "PATCH", there, closing
    yield "PATCH", there, {"metadata": {"annotations": {keys.PREVIEW_UID: "1-2-3"}}}
    for status in (PREVIEWS.path(_ABROAD, "pr-7", "status"), PREVIEWS.path(_HOME, "pr-7", "status")):
        yield "PATCH", status, {"status": {"url": "https://example.com/"}}
    yield "GET", limits, None
    for project_path in (limits, own_limits):
        for body in (more, elsewhere):
            yield "PATCH", project_path, body
        yield "PATCH", f"{project_path}/status", {"status": {"previews": 0}}
        yield "DELETE", project_path, None
    for namespace in (_HOME, _ABROAD):
        projects_path = PREVIEW_PROJECTS.path(namespace)
        yield "POST", projects_path, {"metadata": {"name": "mine"}, "spec": {}}
        yield "GET", SECRETS.path(namespace), None
        yield "GET", CONFIGMAPS.path(namespace), None
        yield "POST", SERVICE_ACCOUNTS.path(namespace, keys.CI_ACCOUNT, "token"), {"spec": {}}
        yield "DELETE", SERVICE_ACCOUNTS.path(namespace, keys.CI_ACCOUNT), None
        yield "PATCH", ROLES.path(namespace, keys.CI_ROLE), {"rules": []}
        yield "DELETE", ROLE_BINDINGS.path(namespace, keys.CI_ROLE), None


@pytest.fixture
async def writer(walls: Walls, admin: Client) -> AsyncIterator[Client]:
    """The credential that `project ci-kubeconfig` writes, beside another project with a preview."""
    for name in (_OURS, _THEIRS):
        given = projects.Given(name=name, repository=f"acme/{name}")
        spec = project(namespacePattern=f"{name}-pr-{{number}}").spec
        await installing.apply_all(admin, projects.objects(given, spec))
        placed = _preview(7, name)
        placed["metadata"]["namespace"] = given.control_namespace
        await admin.apply(placed, manager=keys.CLI_MANAGER)
    async with acting_as(keys.CI_ACCOUNT, _HOME, walls.plane, admin) as client:
        yield client


async def test_a_writer_writes_its_own_previews(writer: Client) -> None:
    """What it is there for; otherwise the refusals would prove nothing."""
    await writer.create(PREVIEWS, _preview(9, _OURS), _HOME)
    await writer.patch(PREVIEWS, "pr-9", {"spec": {"state": "Closed"}}, _HOME)
    assert [obj["metadata"]["name"] for obj in await writer.list(PREVIEWS, _HOME)] == ["pr-7", "pr-9"]


async def test_a_writer_reaches_no_other_project_and_no_limit(
    writer: Client, admin: Client, figures: Figures
) -> None:
    """Each attempt is refused by the apiserver, and nothing of the other project has changed."""
    before = [await admin.list(resource, _ABROAD) for resource in (PREVIEWS, PREVIEW_PROJECTS)]
    reached, attempts = [], list(_attempts())
    for method, path, body in attempts:
        try:
            await writer.raw(method, path, body=body)
        except Forbidden:
            continue
        reached.append((method, path))

    figures.count("writers", len(reached), len(attempts))
    assert reached == []
    assert before == [await admin.list(resource, _ABROAD) for resource in (PREVIEWS, PREVIEW_PROJECTS)]


async def test_a_preview_has_no_word_for_a_namespace_a_host_or_a_limit(writer: Client, admin: Client) -> None:
    """What is sent of the kind is not stored: these follow from the project and the number alone."""
    words = {
        "namespace": "kube-system",
        "host": "rapidrar.example.com",
        "quota": {"cpu": "1000"},
        "route": {},
    }
    await writer.raw("POST", PREVIEWS.path(_HOME), body=_preview(10, _OURS, **words))

    stored = await admin.get(PREVIEWS, "pr-10", _HOME)
    assert not stored["spec"].keys() & words.keys()
