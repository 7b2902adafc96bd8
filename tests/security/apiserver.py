"""What the apiserver says of an object of a pull request, and of the pods that it would make."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kubepreview.core import keys, refusals
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.errors import Forbidden, Invalid
from kubepreview.kube.resources import SERVICE_ACCOUNTS
from tests.kube.controlplane import ControlPlane
from tests.security.conftest import SPACE


@asynccontextmanager
async def acting_as(
    account: str, namespace: str, plane: ControlPlane, admin: Client
) -> AsyncIterator[Client]:
    """With a real token of this account, and nothing else."""
    path = SERVICE_ACCOUNTS.path(namespace, account, "token")
    issued = await admin.raw("POST", path, body={"spec": {}})
    token = issued["status"]["token"]
    credentials = Credentials(
        server=plane.server, ca_data=plane.pem("ca.crt"), token=token, source="a token of the tests"
    )
    async with Client(credentials) as client:
        yield client


async def refusal(obj: Object, admin: Client, space: str = SPACE) -> str:
    """Its words; empty for a yes. `admin` may act as everybody, and make pods as controllers do."""
    placed = {**obj, "metadata": {**obj["metadata"], "namespace": space}}
    pod = refusals.pod_of(placed)
    said = await said_of(admin.impersonating(keys.deployer_user(space)), _completed(placed))
    return said if said or pod is None else await said_of(admin, _completed(pod))


async def said_of(client: Client, obj: Object) -> str:
    """Why the apiserver does not take this object from this client; empty if it does."""
    try:
        await client.apply(obj, manager=keys.MANAGER, dry_run=True)
    except (Forbidden, Invalid) as refused:
        return refused.message
    return ""


def _completed(obj: Object) -> Object:
    """With what the controller, and the admission of accounts, put into every pod whose author has not."""
    if obj["kind"] != "Pod":
        return obj
    put_in = {"priorityClassName": keys.PRIORITY_CLASS, "serviceAccountName": "default"}
    return {**obj, "spec": {**put_in, **obj["spec"]}}
