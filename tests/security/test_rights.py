"""What the identity of a preview may do: asked pair by pair, and compared with what is published.

Every resource and subresource that the apiserver serves, by every verb that any of them knows.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from typing import Final

import pytest
from msgspec import Struct

from kubepreview.kube.client import Client
from kubepreview.kube.resources import Resource
from tests.figures import Figures
from tests.house.tree import ROOT
from tests.security.conftest import SPACE

_PAGE: Final = ROOT / "docs" / "reference" / "rights.md"
_REWRITE = os.environ.get("KUBEPREVIEW_REWRITE_GOLDENS") == "1"  # noqa: TID251 - the switch of the goldens
_VERBS: Final = (
    *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
    # What is no verb of HTTP: acting as others, granting, vouching.
    *("impersonate", "bind", "escalate", "approve", "sign", "attest", "use"),
)
# What is asked about without being served.
_UNSERVED: Final = {("", "users"), ("", "groups"), ("authentication.k8s.io", "uids"), ("", "nodes/proxy")}
_REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
_AT_ONCE: Final = 16
_TEXT: Final = """\
# What the account of a preview may do

Everything of a pull request is applied as the account `kubepreview-deployer` of the preview's own namespace.
Of {pairs} pairs of a resource and a verb, these are what the apiserver lets it do there, and it lets it do
nothing elsewhere, but what Kubernetes lets every account do.

| resource | verbs |
| --- | --- |
{rows}

As every account, and everywhere, where the cluster has not taken it away:

| resource | verbs |
| --- | --- |
{everybodys}

*Written by `make goldens` from the answers of an apiserver (`tests/security/test_rights.py`).*
"""


class Pair(Struct, frozen=True, order=True):
    """A resource, perhaps a part of one, and what is done with it."""

    group: str
    resource: str
    verb: str

    @property
    def title(self) -> str:
        """``pods`` or ``deployments.apps``."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


async def _served(client: Client) -> set[tuple[str, str]]:
    """Group and name of every resource and subresource."""
    groups = (await client.raw("GET", "/apis"))["groups"]
    paths = [("", "/api/v1")]
    paths += [
        (group["name"], f"/apis/{version['groupVersion']}")
        for group in groups
        for version in group["versions"]
    ]
    return {
        (group, entry["name"])
        for group, path in paths
        for entry in (await client.raw("GET", path))["resources"]
    }


async def _allowed(client: Client, pairs: Iterable[Pair], namespace: str) -> set[Pair]:
    """Those that may be done there; everywhere, for no namespace."""
    few = asyncio.Semaphore(_AT_ONCE)

    async def may(pair: Pair) -> bool:
        resource, _, part = pair.resource.partition("/")
        asked = {
            "namespace": namespace,
            "verb": pair.verb,
            "group": pair.group,
            "resource": resource,
            "subresource": part,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        async with few:
            answer = await client.create(_REVIEWS, review)
        return bool(answer["status"]["allowed"])

    listed = list(pairs)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(may(pair)) for pair in listed]
    return {pair for pair, task in zip(listed, tasks, strict=True) if task.result()}


@pytest.mark.timeout(300)
async def test_the_account_of_a_preview_may_do_what_is_published_and_nothing_else(
    deployer: Client, admin: Client, figures: Figures
) -> None:
    """In its own namespace; and in all others nothing but what every account may."""
    resources = await _served(admin) | _UNSERVED
    pairs = [Pair(group, name, verb) for group, name in sorted(resources) for verb in _VERBS]
    at_home = await _allowed(deployer, pairs, SPACE)
    everywhere = await _allowed(deployer, pairs, "")
    nobody = admin.impersonating("system:serviceaccount:kube-system:nobody")
    everybodys = await _allowed(nobody, pairs, "")

    assert len(pairs) > 1900
    assert everywhere == everybodys == await _allowed(deployer, pairs, "kube-system")
    page = _TEXT.format(
        pairs=f"{len(pairs):,}",
        rows="\n".join(_rows(at_home - everybodys)),
        everybodys="\n".join(_rows(everybodys)),
    )
    if _REWRITE:
        _PAGE.write_text(page)
    figures.count("rights", len(everywhere - everybodys), len(pairs))
    assert page == _PAGE.read_text()


def _rows(allowed: set[Pair]) -> list[str]:
    by_resource: Mapping[str, list[str]] = {pair.title: [] for pair in sorted(allowed)}
    for pair in allowed:
        by_resource[pair.title].append(pair.verb)
    return [f"| `{title}` | {', '.join(sorted(verbs))} |" for title, verbs in by_resource.items()]
