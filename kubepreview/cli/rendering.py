"""From a repository on disk to the objects of its preview."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import UnsetType

from kubepreview.cli.caller import Caller
from kubepreview.cli.config_file import Repository
from kubepreview.cli.streams import Streams
from kubepreview.core import config, podcheck, precheck
from kubepreview.core.model import Entry
from kubepreview.core.wire import Object
from kubepreview.errors import InvalidInput, Problem, Refused
from kubepreview.render import sources
from kubepreview.render.images import Resolve
from kubepreview.render.placing import Place
from kubepreview.render.rendering import render
from kubepreview.render.sources import Rendered, Request, Source

if TYPE_CHECKING:
    from kubepreview.registry.logins import Login


def image_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--image NAME=REF``, passed as `image`: a tuple of texts."""
    return click.option(
        "--image",
        multiple=True,
        metavar="NAME=REF",
        help="An image the workflow built: its name in the manifests, and its reference with the digest. "
        "A tag is resolved to its digest. Repeat it.",
    )(command)


def root_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--root``, passed as `root`."""
    return click.option(
        "--root",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="The checkout.  [default: the git repository around the current directory]",
    )(command)


def images(given: Sequence[str], wanted: Sequence[str] = ()) -> Mapping[str, str]:
    """Name to reference; `wanted` are the names that must be among them."""
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for text in given:
        name, equals, reference = text.partition("=")
        if not (name and equals and reference):
            problems.append(
                Problem(
                    where=f"--image {text}",
                    what="is not NAME=REF",
                    cure="for example web=ghcr.io/acme/web@sha256:…",
                )
            )
        elif found.setdefault(name, reference) != reference:
            problems.append(Problem(where=f"--image {name}", what="is given twice", cure="keep one"))
    problems += [
        Problem(
            where=f"--image {name}",
            what="is missing",
            cure=f"preview.yml says that the workflow builds {name}",
        )
        for name in wanted
        if name not in found
    ]
    if problems:
        raise InvalidInput("the images are not given as they should be", problems=problems)
    return found


def resolver(caller: Caller) -> Resolve:
    """What asks registries for the digests of tags, with the user's own logins."""

    async def resolve(reference: str) -> str:
        from kubepreview.registry.digests import resolve_digest  # noqa: PLC0415  30 ms that only a tag needs

        return await resolve_digest(reference, credentials=logins(caller))

    return resolve


def check(objects: Sequence[Object], limits: podcheck.Limits, message: str) -> None:
    """Raise Refused with what the cluster would refuse; exit code 3, as when the cluster itself says it."""
    if problems := precheck.check(objects, limits):
        lines = "\n  ".join(map(str, problems))
        raise Refused(
            f"{message}:\n  {lines}",
            hint="mend the manifests; the platform team decides the rules, in the PreviewProject",
        )


def logins(caller: Caller) -> Mapping[str, Login]:
    """The user's own logins, by registry host, as `docker login` has left them."""
    from kubepreview.registry.logins import read_docker_config  # noqa: PLC0415  only a registry needs it

    home = caller.environ.get("HOME", "/nonexistent")
    folder = Path(caller.environ.get("DOCKER_CONFIG") or f"{home}/.docker")
    return read_docker_config(folder / "config.json")


async def objects_of(
    repository: Repository, images: Mapping[str, str], place: Place, resolve: Resolve | None, streams: Streams
) -> Rendered:
    """The objects as they are sent; what was changed on the way is told on stderr."""
    entry = repository.config.entry
    request = Request(
        root=repository.root,
        source=_source(repository.config),
        images=images,
        host=place.host,
        baseline_host=place.baseline_host,
        baseline_namespace=place.baseline_namespace,
        keep_daemon_sets=place.keep_daemon_sets,
        entry=None if isinstance(entry, UnsetType) else _entry(entry),
    )
    rendered = await render(request, resolve=resolve)
    for note in rendered.notes:
        streams.talk(f"note: {note}")
    return rendered


def _entry(entry: Entry) -> sources.Entry:
    return sources.Entry(service=entry.service, port=entry.port, path=entry.path)


def _source(of: config.Config) -> Source:
    manifests = of.manifests
    if isinstance(manifests.kustomize, str):
        return sources.Kustomize(manifests.kustomize)
    if isinstance(manifests.helm, config.Helm):
        chart = manifests.helm
        return sources.Helm(
            chart=chart.chart,
            release=chart.release if isinstance(chart.release, str) else of.project,
            values=chart.values,
            set={key: _as_helm_reads(value) for key, value in chart.set.items()},
        )
    if isinstance(manifests.files, tuple):
        return sources.Files(manifests.files)
    raise AssertionError("the schema asks for exactly one source")


def _as_helm_reads(value: str | float | bool) -> str:  # noqa: FBT001  a value of the user's file
    return str(value).lower() if isinstance(value, bool) else str(value)
