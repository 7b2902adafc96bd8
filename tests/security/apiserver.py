"""What the apiserver says of an object of a pull request, and of the pods that it would make."""

from __future__ import annotations

from kubepreview.core import keys, refusals
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.errors import Forbidden, Invalid
from tests.security.conftest import SPACE


async def refusal(obj: Object, admin: Client, space: str = SPACE) -> str:
    """Its words; empty for a yes. `admin` may act as everybody, and make pods as controllers do."""
    placed = {**obj, "metadata": {**obj["metadata"], "namespace": space}}
    said = await _said(admin.impersonating(keys.deployer_user(space)), placed)
    pod = refusals.pod_of(placed)
    return said if said or pod is None else await _said(admin, pod)


async def _said(client: Client, obj: Object) -> str:
    try:
        await client.apply(_completed(obj), manager=keys.MANAGER, dry_run=True)
    except (Forbidden, Invalid) as refused:
        return refused.message
    return ""


def _completed(obj: Object) -> Object:
    """With what the controller, and the admission of accounts, put into every pod whose author has not."""
    if obj["kind"] != "Pod":
        return obj
    put_in = {"priorityClassName": keys.PRIORITY_CLASS, "serviceAccountName": "default"}
    return {**obj, "spec": {**put_in, **obj["spec"]}}
