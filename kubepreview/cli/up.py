"""`up`: declare one commit of a pull request, and wait until its preview serves it."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from kubepreview.cli import awaiting, config_file, outcome, previews, rendering, writing
from kubepreview.cli.caller import Caller
from kubepreview.cli.config_file import Repository
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.declaring import Facts, declared, facts_options
from kubepreview.cli.durations import timeout_option
from kubepreview.cli.output import Format, output_option, write_data
from kubepreview.cli.previews import wire
from kubepreview.cli.rendering import image_option, root_option
from kubepreview.cli.scope import Scope, ScopeOptions, scope_options, with_config
from kubepreview.cli.streams import Streams
from kubepreview.cli.writing import Declared
from kubepreview.core import durations, names, podcheck
from kubepreview.core.model import Entry, Preview
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wire import Object
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.together import as_one
from kubepreview.render.placing import place_of
from kubepreview.render.sources import Rendered


class How(Struct, frozen=True, kw_only=True):
    """The flags of `up` that say how, not what."""

    image: tuple[str, ...]
    root: Path | None
    no_wait: bool
    dry_run: bool
    skip_precheck: bool
    timeout: int | None
    output: Format


@click.command()
@facts_options
@image_option
@root_option
@click.option("--no-wait", is_flag=True, help="Only declare it; print the link it will have.")
@click.option("--dry-run", is_flag=True, help="Print the Preview that would be written; write nothing.")
@click.option("--skip-precheck", is_flag=True, hidden=True, help="Leave every refusal to the cluster.")
@timeout_option("preview.yml's, then 5m")
@output_option
@scope_options
@connection_options
@click.pass_obj
def up(caller: Caller, /, *, facts: Facts, scope: ScopeOptions, connection: Connection, **how: Any) -> None:
    """Ask for a preview of pull request NUMBER at this commit, and wait until it is served.

    Prints the link alone on stdout, so that `open "$(kubepreview up 7)"` works. In GitHub Actions the event
    gives the number, the commit and the rest; at a terminal the commit is git's HEAD.
    """
    wish = How(**how)
    asyncio.run(_up(caller, facts, scope, connection, wish))


async def _up(caller: Caller, facts: Facts, options: ScopeOptions, connection: Connection, how: How) -> None:
    repository = config_file.read(caller, options.config, how.root)
    target = with_config(options, repository.config)
    wanted = declared(facts, caller, repository.root)
    built = rendering.images(how.image, repository.config.images)
    name = names.preview_name(wanted.pull_request.number)
    async with connect(connection, caller) as client:
        async with as_one() as group:
            asking = group.create_task(previews.get_project(client, target))
            finding = group.create_task(client.find(PREVIEWS, name, target.namespace))
        project, present = asking.result().spec, finding.result()
        place = place_of(project, wanted.pull_request.number)
        rendered = await rendering.objects_of(
            repository, built, place, rendering.resolver(caller), caller.streams
        )
        if not how.skip_precheck:
            _precheck(rendered, project, wanted)
        obj = _preview(target, wanted, rendered, present, caller.now())
        written = await writing.apply(client, obj, dry_run=how.dry_run)
        if how.dry_run:
            write_data(caller.streams, obj, "json" if how.output == "json" else "yaml")
            return
        caller.streams.talk(f"{target.namespace}/{written.metadata.name} asks for {wanted.sha}")
        if not how.no_wait:
            wait = _wait(repository, wanted, how)
            written = await awaiting.until(client, written, wait, caller.streams)
    _print(written, project, how.output, caller.streams)


def _preview(
    target: Scope, wanted: Declared, rendered: Rendered, present: Object | None, now: dt.datetime
) -> Object:
    observed_at = writing.time_to_declare(wanted, previews.decode(present) if present else None, now)
    entry = Entry(service=rendered.entry.service, port=rendered.entry.port, path=rendered.entry.path)
    return writing.open_preview(target, wanted, rendered.objects, entry, observed_at)


def _precheck(rendered: Rendered, project: ProjectSpec, wanted: Declared) -> None:
    limits = podcheck.Limits(
        namespace=names.namespace_name(project, wanted.pull_request.number),
        daemon_sets=project.daemon_sets,
        image_prefixes=project.image_prefixes,
        pod_profile=project.pod_profile,
    )
    rendering.check(rendered.objects, limits, f"the cluster would refuse {wanted.sha[:7]}; nothing was sent")


def _wait(repository: Repository, wanted: Declared, how: How) -> awaiting.Wait:
    timeout_s = how.timeout or durations.seconds(repository.config.timeout)
    return awaiting.Wait(what=f"{wanted.sha[:7]} to be served", judge=outcome.opening, timeout_s=timeout_s)


def _print(written: Preview, project: ProjectSpec, output: Format, streams: Streams) -> None:
    url = written.status.url or names.url(project, written.spec.pull_request.number)
    if output == "text":
        streams.data(url)
        return
    data = {"url": url, "sha": written.spec.revision.sha, "status": wire(written.status)}
    write_data(streams, data, output)
