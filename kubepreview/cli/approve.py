"""`approve`: let one commit of a pull request from a fork have its preview."""

from __future__ import annotations

import asyncio
from typing import Final

import click
import msgspec

from kubepreview.cli import previews, writing
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.scope import ScopeOptions, resolve_scope, scope_options
from kubepreview.core import approvals
from kubepreview.core.model import Preview
from kubepreview.core.project_spec import PreviewProject
from kubepreview.core.wire import is_sha
from kubepreview.errors import InvalidInput
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PREVIEW_PROJECTS

_REVIEWS: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@click.command()
@click.argument("number", type=click.IntRange(1))
@click.option("--sha", required=True, help="The commit that you have looked at, in full.")
@scope_options
@connection_options
@click.pass_obj
def approve(caller: Caller, /, *, number: int, sha: str, scope: ScopeOptions, connection: Connection) -> None:
    """Let this commit of pull request NUMBER, which comes from a fork, have its preview.

    Its code will run in your cluster. The approval holds for this commit and no other; the next push needs
    its own. It takes the verb `approve` on previews, which ClusterRole kubepreview-approver gives.
    """
    if not is_sha(sha):
        raise InvalidInput(
            f"{sha} is no full SHA", hint="40 or 64 digits, so that it can mean one commit only"
        )
    by = asyncio.run(_approve(caller, number, sha, scope, connection))
    caller.streams.talk(f"✓ {sha} of pull request {number} is approved by {by}; the next push needs its own")


async def _approve(
    caller: Caller, number: int, sha: str, options: ScopeOptions, connection: Connection
) -> str:
    target = resolve_scope(options, caller)
    async with connect(connection, caller) as client:
        preview = previews.decode(await previews.get(client, target, number))
        caller.streams.talk(f"what this lets in: {await _to_look_at(client, preview)}")
        by = await _who(client)
        await writing.approve(client, target, number, sha, by)
        return by


async def _to_look_at(client: Client, preview: Preview) -> str:
    found = await client.get(PREVIEW_PROJECTS, preview.spec.project, preview.metadata.namespace)
    return approvals.to_look_at(preview, msgspec.convert(found, PreviewProject).spec)


async def _who(client: Client) -> str:
    """The caller, as the apiserver knows them."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await client.raw("POST", _REVIEWS, body=body, repeatable=True)
    return str(answer["status"]["userInfo"]["username"])[:256]
