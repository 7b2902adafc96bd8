"""A policy that is not in force is noticed, by its own canary, before the first object of a pull request."""

from __future__ import annotations

import pytest

from kubepreview.controller.observe import observe
from kubepreview.core import admission, canaries, guardrails, installation, keys
from kubepreview.core.model import ObjectRef
from kubepreview.kube.client import Client
from kubepreview.kube.errors import Forbidden
from kubepreview.kube.resources import Resource
from kubepreview.kube.wait import NotYet, wait_until
from tests.core.examples import preview
from tests.security.conftest import PROJECT, SPACE

_NAMESPACE = guardrails.namespace(PROJECT, preview())
_CANARIES = canaries.of(_NAMESPACE)
_REFS = (ObjectRef(api_version="v1", kind="Service", name="web"),)
_BINDINGS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)


async def _until_unenforced(admin: Client, name: str) -> None:
    async def look() -> bool:
        found = await observe(admin, SPACE, _REFS)
        if found.unenforced != name:
            raise NotYet(f"it is {found.unenforced or 'none'}")
        return True

    await wait_until(look, what=f"{name or 'no policy'} is seen not to be in force", timeout_s=30)


@pytest.mark.parametrize("name", _CANARIES)
async def test_a_canary_is_refused_by_its_own_policy(name: str, deployer: Client) -> None:
    """And by nothing else, which could hide that the policy is missing."""
    canary = _CANARIES[name]
    obj = {**canary, "metadata": {**canary["metadata"], "namespace": SPACE}}
    with pytest.raises(Forbidden) as refused:
        await deployer.apply(obj, manager=keys.MANAGER, dry_run=True)

    assert f"ValidatingAdmissionPolicy '{name}'" in refused.value.message


@pytest.mark.parametrize("name", _CANARIES)
async def test_a_policy_that_is_not_in_force_is_noticed(name: str, admin: Client) -> None:
    """Its binding is taken away, and put back: nothing of a pull request is sent in between."""
    (binding,) = (
        obj
        for obj in admission.admission_policies(installation.DEFAULT_IMAGE)
        if obj["kind"] == _BINDINGS.kind and obj["metadata"]["name"] == name
    )
    await _until_unenforced(admin, "")
    await admin.delete(_BINDINGS, name)
    try:
        await _until_unenforced(admin, name)
    finally:
        await admin.apply(binding, manager=keys.MANAGER)
        await _until_unenforced(admin, "")
