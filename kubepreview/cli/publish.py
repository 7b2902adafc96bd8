"""`publish`: what `up` would ask for, pushed to a registry as one artifact; the controller takes it there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from kubepreview.cli import config_file, rendering
from kubepreview.cli.caller import Caller
from kubepreview.cli.declaring import commit_of
from kubepreview.cli.rendering import image_option, root_option
from kubepreview.core import artifact, podcheck, taking
from kubepreview.core.artifact import Bundle
from kubepreview.core.images import PLACE
from kubepreview.core.model import Entry
from kubepreview.errors import InvalidInput
from kubepreview.render.placing import Place


class Wish(Struct, frozen=True, kw_only=True):
    """The flags of `publish`."""

    to: str
    sha: str | None
    config: Path | None
    image: tuple[str, ...]
    root: Path | None
    baseline_host: str
    baseline_namespace: str


@click.command()
@click.option(
    "--to",
    required=True,
    metavar="REGISTRY/REPOSITORY",
    help="Where to; the project's `artifacts`. The tag is the commit's SHA.",
)
@click.option("--sha", help="The commit.  [default: the event's, or git's HEAD]")
@image_option
@root_option
@click.option(
    "--config", type=click.Path(path_type=Path), help="preview.yml.  [default: found in the checkout]"
)
@click.option("--baseline-host", default="", help="The host in the manifests that is the baseline's.")
@click.option("--baseline-namespace", default="", help="The namespace that the manifests name.")
@click.pass_obj
def publish(caller: Caller, /, **flags: Any) -> None:
    """Push the manifests of this commit to a registry, for the controller to take.

    No cluster is asked, and no credential of one is needed. Prints the artifact by its digest. The registry's
    login is the one that `docker login` has left.
    """
    caller.streams.data(asyncio.run(_publish(caller, Wish(**flags))))


async def _publish(caller: Caller, wish: Wish) -> str:
    if not re.fullmatch(PLACE, wish.to):
        raise InvalidInput(
            f"--to: {wish.to!r} is no place for artifacts",
            hint="give it as REGISTRY/REPOSITORY, without a tag",
        )
    repository = config_file.read(caller, wish.config, wish.root)
    sha = commit_of(wish.sha, caller, repository.root)
    built = rendering.images(wish.image, repository.config.images)
    # What only the cluster knows is left as it is written, and put in when it is taken.
    place = Place(
        host=artifact.HOST,
        baseline_host=wish.baseline_host,
        baseline_namespace=wish.baseline_namespace,
        keep_daemon_sets=True,
    )
    resolve = rendering.resolver(caller)
    rendered = await rendering.objects_of(repository, built, place, resolve, caller.streams)
    limits = podcheck.Limits(namespace="", daemon_sets="Keep")
    rendering.check(rendered.objects, limits, f"the cluster would refuse {sha[:7]}; nothing was published")
    entry = Entry(service=rendered.entry.service, port=rendered.entry.port, path=rendered.entry.path)
    packed = artifact.pack(Bundle(sha=sha, entry=entry, manifests=rendered.objects))
    return await _push(caller, taking.tagged(wish.to, sha), packed)


async def _push(caller: Caller, reference: str, packed: artifact.Packed) -> str:
    # 30 ms that no other command needs.
    from kubepreview.registry import artifacts  # noqa: PLC0415 — see above

    return await artifacts.publish(reference, packed, credentials=rendering.logins(caller))
