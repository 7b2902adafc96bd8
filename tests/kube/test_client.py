"""The verbs, against a real kube-apiserver."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from kubepreview.errors import InvalidInput
from kubepreview.kube import errors
from kubepreview.kube.client import Client
from kubepreview.kube.resources import (
    CONFIGMAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    PREVIEWS,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
    ROLES,
    Object,
    Resource,
)
from kubepreview.kube.retry import Patience
from kubepreview.kube.session import Call
from kubepreview.kube.wait import wait_until

from .objects import config_map, crd

_RBAC = "rbac.authorization.k8s.io"


async def test_apply_makes_and_mends(client: Client, namespace: str) -> None:
    """Server-side apply creates what is missing, changes what differs, and leaves what is right alone."""
    made = await client.apply(config_map(namespace, "a", fruit="pear"), manager="one")
    same = await client.apply(config_map(namespace, "a", fruit="pear"), manager="one")
    changed = await client.apply(config_map(namespace, "a", fruit="plum"), manager="one")

    assert made["data"] == {"fruit": "pear"}
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert changed["data"] == {"fruit": "plum"}
    assert await client.get(CONFIGMAPS, "a", namespace) == changed


async def test_apply_tells_who_owns_a_field(client: Client, namespace: str) -> None:
    """Without force, a field of another manager is a WriteConflict that names manager and field."""
    await client.apply(config_map(namespace, "a", fruit="pear"), manager="one")

    with pytest.raises(errors.WriteConflict, match=r'conflict with "one": \.data\.fruit') as caught:
        await client.apply(config_map(namespace, "a", fruit="plum"), manager="two", force=False)
    forced = await client.apply(config_map(namespace, "a", fruit="plum"), manager="two")

    assert caught.value.causes[0].field == ".data.fruit"
    assert forced["data"] == {"fruit": "plum"}


async def test_a_dry_run_changes_nothing(client: Client, namespace: str) -> None:
    """A dry run gives the object that would be, and it is not there."""
    would_be = await client.apply(config_map(namespace, "a", fruit="pear"), manager="one", dry_run=True)

    assert would_be["data"] == {"fruit": "pear"}
    assert await client.find(CONFIGMAPS, "a", namespace) is None


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"replica": 1}, "spec.replica: field not declared in schema"),
        ({"replicas": "one"}, "spec.replicas: expected numeric (int or float), got string"),
        ({"replicas": 1}, "spec.selector: Required value"),
    ],
)
async def test_a_wrong_manifest_is_told_by_its_field(
    client: Client, namespace: str, spec: Object, problem: str
) -> None:
    """An unknown field, a wrong type and a missing field are Invalid, each with its path."""
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": "web"},
        "spec": spec,
    }

    with pytest.raises(errors.Invalid) as caught:
        await client.apply(deployment, manager="one")

    assert problem in [str(each) for each in caught.value.problems]


async def test_an_object_without_a_name_is_not_sent(client: Client, namespace: str) -> None:
    """An object to be applied needs a name, and the error says which object."""
    nameless = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace}}

    with pytest.raises(InvalidInput, match=f"ConfigMap in namespace {namespace}: has no metadata.name"):
        await client.apply(nameless, manager="one")


async def test_create_once(client: Client, namespace: str) -> None:
    """Creating what is there is AlreadyExists."""
    await client.create(CONFIGMAPS, config_map(namespace, "a"))

    with pytest.raises(errors.AlreadyExists, match='configmaps "a" already exists'):
        await client.create(CONFIGMAPS, config_map(namespace, "a"))


async def test_replace_what_was_read(client: Client, namespace: str) -> None:
    """A replace of what somebody changed meanwhile is a WriteConflict, and changes nothing."""
    old = await client.create(CONFIGMAPS, config_map(namespace, "a", fruit="pear"))
    new = await client.replace(CONFIGMAPS, {**old, "data": {"fruit": "plum"}})

    with pytest.raises(errors.WriteConflict, match="the object has been modified"):
        await client.replace(CONFIGMAPS, {**old, "data": {"fruit": "fig"}})
    assert await client.get(CONFIGMAPS, "a", namespace) == new


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("merge", {"data": {"a": None, "b": "2"}}),
        ("json", [{"op": "remove", "path": "/data/a"}, {"op": "add", "path": "/data/b", "value": "2"}]),
        ("strategic", {"data": {"a": None, "b": "2"}}),
    ],
)
async def test_patches(client: Client, namespace: str, kind: str, patch: object) -> None:
    """Each kind of patch reaches the server as what it is."""
    await client.create(CONFIGMAPS, config_map(namespace, "x", a="1"))

    patched = await client.patch(CONFIGMAPS, "x", patch, namespace, kind=kind)

    assert patched["data"] == {"b": "2"}


async def test_deleting_is_told_truly(client: Client, namespace: str) -> None:
    """The first delete is True; once the server says it is gone, False; and `find` is None."""
    await client.create(CONFIGMAPS, config_map(namespace, "a"))

    assert await client.delete(CONFIGMAPS, "a", namespace)
    assert not await client.delete(CONFIGMAPS, "a", namespace)
    assert await client.find(CONFIGMAPS, "a", namespace) is None
    with pytest.raises(errors.ObjectNotFound, match='configmaps "a" not found'):
        await client.get(CONFIGMAPS, "a", namespace)


async def test_a_newer_object_of_the_same_name_is_spared(client: Client, namespace: str) -> None:
    """With a uid, only that very object is deleted; a successor is a WriteConflict, and stays."""
    old = await client.create(CONFIGMAPS, config_map(namespace, "a"))
    await client.delete(CONFIGMAPS, "a", namespace, uid=old["metadata"]["uid"])
    new = await client.create(CONFIGMAPS, config_map(namespace, "a"))

    with pytest.raises(errors.WriteConflict, match="UID in the precondition"):
        await client.delete(CONFIGMAPS, "a", namespace, uid=old["metadata"]["uid"])
    assert await client.get(CONFIGMAPS, "a", namespace) == new


async def test_lists_are_read_in_pages(client: Client, namespace: str) -> None:
    """A list longer than a page is whole, selectors hold, and each item says what it is."""

    async def make(number: int) -> None:
        labels = {"parity": "odd" if number % 2 else "even"}
        await client.create(CONFIGMAPS, config_map(namespace, f"n{number}", labels=labels))

    async with asyncio.TaskGroup() as group:
        for number in range(1101):
            group.create_task(make(number))

    everything = await client.list(CONFIGMAPS, namespace)
    odd = await client.list(CONFIGMAPS, namespace, labels="parity=odd")
    one = await client.list(CONFIGMAPS, namespace, fields="metadata.name=n7")

    assert {item["metadata"]["name"] for item in everything} == {f"n{number}" for number in range(1101)}
    assert len(odd) == 550
    assert [(item["kind"], item["apiVersion"], item["metadata"]["name"]) for item in one] == [
        ("ConfigMap", "v1", "n7")
    ]


async def test_acting_as_somebody_else(client: Client, namespace: str) -> None:
    """An impersonated service account may do what its Role allows, and nothing else; we stay who we are."""
    account = f"system:serviceaccount:{namespace}:preview"
    role = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "Role",
        "metadata": {"namespace": namespace, "name": "preview"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get", "patch"]}],
    }
    binding = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"namespace": namespace, "name": "preview"},
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": "preview"},
        "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": "preview"}],
    }
    await client.apply(role, manager="one")
    await client.apply(binding, manager="one")
    preview = client.impersonating(account)

    async def is_allowed() -> Object | None:
        try:
            return await preview.apply(config_map(namespace, "a", fruit="pear"), manager="two")
        except errors.Forbidden:
            return None  # RBAC is read from a cache

    await wait_until(is_allowed, what="the Role in force", timeout_s=10)
    with pytest.raises(errors.Forbidden, match=f'User "{account}" cannot list resource "pods"'):
        await preview.list(PODS, namespace)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    seen = await preview.raw("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
    assert seen["status"]["userInfo"]["username"] == account
    assert f"system:serviceaccounts:{namespace}" in seen["status"]["userInfo"]["groups"]
    assert await client.list(ROLES, namespace)
    assert await client.list(ROLE_BINDINGS, namespace)


async def test_a_full_quota_is_told_as_such(client: Client, namespace: str) -> None:
    """What a ResourceQuota turns away is QuotaExceeded, not any other Forbidden."""
    hard = {"count/configmaps": "0"}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"namespace": namespace, "name": "quota"},
        "spec": {"hard": hard},
    }
    await client.create(RESOURCE_QUOTAS, quota)
    # No controller counts here, so the status is written by hand.
    status = {"status": {"hard": hard, "used": {"count/configmaps": "0"}}}
    await client.patch(RESOURCE_QUOTAS, "quota", status, namespace, subresource="status")

    names = (f"number-{n}" for n in itertools.count())

    async def is_full() -> errors.QuotaExceeded | None:
        try:
            # Another one each time: a change of one that slipped through would count for nothing.
            await client.apply(config_map(namespace, next(names)), manager="one")
        except errors.QuotaExceeded as error:
            return error
        return None

    error = await wait_until(is_full, what="the quota in force", timeout_s=10)
    assert "exceeded quota: quota" in error.message


async def test_a_namespace_that_ends_is_told_as_such(client: Client, namespace: str) -> None:
    """Writing into a namespace that is being deleted is Forbidden with the cause NamespaceTerminating."""
    await client.delete(NAMESPACES, namespace)

    with pytest.raises(errors.Forbidden) as caught:
        await client.apply(config_map(namespace, "a"), manager="one")

    assert [cause.reason for cause in caught.value.causes] == ["NamespaceTerminating"]


async def test_a_missing_namespace_is_not_a_missing_object(client: Client) -> None:
    """Applying into a namespace that is not there says that it is the namespace which is missing."""
    with pytest.raises(errors.ObjectNotFound, match='namespaces "nowhere" not found') as caught:
        await client.apply(config_map("nowhere", "a"), manager="one")

    assert caught.value.is_about("namespaces", "nowhere")


async def test_a_kind_that_is_not_served_is_not_an_absence(client: Client, namespace: str) -> None:
    """Without its CRD nothing is known of a Preview: each verb is KindNotServed, and none tells 'gone'."""
    for attempt in (
        client.get(PREVIEWS, "pr-7", namespace),
        client.find(PREVIEWS, "pr-7", namespace),
        client.list(PREVIEWS, namespace),
        client.delete(PREVIEWS, "pr-7", namespace),
        client.apply(
            {"apiVersion": "apps/v1", "kind": "Gadget", "metadata": {"namespace": namespace, "name": "a"}},
            manager="one",
        ),
        client.get(Resource("apps", "v1", "gadgets", "Gadget", namespaced=True), "a", namespace),
    ):
        with pytest.raises(errors.KindNotServed, match=r"does not serve (Preview|Gadget) of"):
            await attempt


async def test_discovery(client: Client, namespace: str) -> None:
    """A kind is found once its CRD is served, and its CEL rules answer with field, reason and message."""
    assert await client.discover("apps/v1", "Deployment") == DEPLOYMENTS
    for api_version, kind in (
        ("apps/v1", "Gadget"),
        ("apps/v7", "Deployment"),
        ("v7", "Pod"),
        ("a/b/c", "Pod"),
    ):
        assert await client.discover(api_version, kind) is None
    assert await client.discover("tests.kubepreview.dev/v1", "Gadget") is None

    await client.create(CUSTOM_RESOURCE_DEFINITIONS, crd("gadgets", "Gadget"))
    gadgets = await wait_until(
        lambda: client.discover("tests.kubepreview.dev/v1", "Gadget"), what="gadgets served", timeout_s=20
    )
    assert gadgets == Resource("tests.kubepreview.dev", "v1", "gadgets", "Gadget", namespaced=True)
    gadget = {
        "apiVersion": "tests.kubepreview.dev/v1",
        "kind": "Gadget",
        "metadata": {"namespace": namespace, "name": "a"},
        "spec": {"size": 2},
    }
    await wait_until(lambda: client.apply(gadget, manager="one"), what="gadgets writable", timeout_s=20)
    with pytest.raises(errors.Invalid, match="a gadget does not shrink") as caught:
        await client.apply({**gadget, "spec": {"size": 1}}, manager="one")
    assert [(cause.field, cause.reason) for cause in caught.value.causes] == [
        ("spec.size", "FieldValueForbidden")
    ]


async def test_watches_do_not_starve_calls(client: Client) -> None:
    """With 150 watches open, a hundred calls at once are all answered."""
    async with AsyncExitStack() as stack:
        call = Call(method="GET", path=CONFIGMAPS.path(), params={"watch": "true", "timeoutSeconds": 60})
        for _ in range(150):
            chunks = await stack.enter_async_context(client.stream(call, silence_s=60))
            assert await anext(chunks)
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            answers = [group.create_task(client.get(NAMESPACES, "default")) for _ in range(100)]

    assert {answer.result()["metadata"]["name"] for answer in answers} == {"default"}


async def test_a_client_nobody_knows(client: Client, namespace: str) -> None:
    """Without credentials, what is not public is Forbidden or Unauthorized, never an absence."""
    nobody = replace(client.credentials, client_cert=b"", client_key=b"")
    stranger = replace(nobody, token="not-a-token")  # noqa: S106 — that is the point

    async with Client(nobody) as anonymous, Client(stranger) as unknown:
        with pytest.raises(errors.Forbidden, match="system:anonymous"):
            await anonymous.find(CONFIGMAPS, "a", namespace)
        with pytest.raises(errors.Unauthorized) as caught:
            await unknown.find(CONFIGMAPS, "a", namespace)
    assert "log in again" in caught.value.hint


async def test_a_server_we_do_not_trust(client: Client) -> None:
    """A server whose certificate does not fit is Unreachable, with a hint at the certificate authority."""
    system = replace(client.credentials, ca_data=b"")
    async with Client(system, patience=Patience(retry_for_s=0)) as distrusting:
        with pytest.raises(errors.NoAnswer, match="CERTIFICATE_VERIFY_FAILED") as caught:
            await distrusting.get(NAMESPACES, "default")
    assert "certificate-authority" in caught.value.hint
