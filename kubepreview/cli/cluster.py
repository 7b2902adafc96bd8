"""`cluster`: a real Kubernetes node on this machine, without Docker."""

from __future__ import annotations

import asyncio
import dataclasses
import shlex
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from kubepreview.cli import places
from kubepreview.cli.building import Teller
from kubepreview.cli.caller import Caller
from kubepreview.cli.image_build import Recipe, build_and_push
from kubepreview.cli.output import Format, output_option, table, write_data
from kubepreview.errors import InvalidInput, NotFound, NotReady
from kubepreview.localcluster import cluster as local
from kubepreview.localcluster import configure, programs
from kubepreview.localcluster.cluster import ClusterOptions, ClusterStatus, RunningCluster

_PORT = click.IntRange(0, 65535)


@click.group()
def cluster() -> None:
    """Run a real Kubernetes node on this machine, without Docker. It needs Linux and root."""


def _name_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--name", default=local.DEFAULT_NAME, show_default=True, help="Clusters of other names stay apart."
    )(command)


@cluster.command()
@_name_option
@click.option("--ingress-port", type=_PORT, default=configure.DEFAULT_INGRESS_PORT, show_default=True)
@click.option("--api-port", type=_PORT, default=0, help="[default: a free one, kept]")
@click.option("--registry-port", type=_PORT, default=configure.DEFAULT_REGISTRY_PORT, show_default=True)
@click.pass_obj
def up(caller: Caller, /, name: str, **ports: int) -> None:
    """Bring the cluster up, from whatever state it is in; print the path of its kubeconfig.

    The first start compiles Kubernetes, which takes minutes; later ones take seconds. A port of 0 is
    chosen once and kept. All ports are published on 127.0.0.1 only.
    """
    options = ClusterOptions(
        state_root=places.state(caller.environ), cache=places.cache(caller.environ), name=name, **ports
    )
    with closing(Teller(caller.streams)) as teller:
        running = asyncio.run(local.up(options, teller))
    caller.streams.talk(f"✓ cluster {name} is up")
    caller.streams.talk(_address_lines(running))
    caller.streams.talk(f"kubectl and kubepreview use it after: {_export(running.kubeconfig)}")
    caller.streams.data(str(running.kubeconfig))


@cluster.command()
@_name_option
@click.pass_obj
def down(caller: Caller, /, name: str) -> None:
    """Remove the cluster and its data. Compiled programs stay in the cache."""
    was_there = asyncio.run(local.down(places.state(caller.environ), name))
    caller.streams.talk(f"✓ cluster {name} is removed" if was_there else f"there was no cluster {name}")


@cluster.command()
@_name_option
@output_option
@click.pass_obj
def status(caller: Caller, /, name: str, output: Format) -> None:
    """Show the cluster and its programs. Exit code 4 if it is there and not ready, 1 if it is absent."""
    seen = local.inspect(places.state(caller.environ), name)
    if output != "text":
        write_data(caller.streams, _plain(seen), output)
    elif seen.running is not None:
        parts = (f"{name}: {seen.state}", _address_lines(seen.running), _component_table(seen))
        caller.streams.data("\n\n".join(parts))
    if seen.state == "absent":
        raise NotFound(
            f"there is no cluster {name}", hint=f"`kubepreview cluster up --name {name}` makes one"
        )
    if seen.state != "ready":
        because = seen.node.failure if seen.node else ""
        raise NotReady(
            f"cluster {name} is {seen.state}" + (f": {because}" if because else ""),
            hint=f"`kubepreview cluster up --name {name}` mends it",
        )


@cluster.command()
@click.argument("component")
@_name_option
@click.option("--tail", type=click.IntRange(1), default=200, show_default=True, help="How many last lines.")
@click.pass_obj
def logs(caller: Caller, /, component: str, name: str, tail: int) -> None:
    """Print the log of COMPONENT: a program of the node, or the pods coredns and traefik."""
    path = local.logs(places.state(caller.environ), name, component)
    lines = path.read_text(errors="replace").splitlines()
    caller.streams.data("\n".join(lines[-tail:]))


@cluster.command()
@_name_option
@click.option("--export", is_flag=True, help="Print a line for `eval` in a shell.")
@click.pass_obj
def kubeconfig(caller: Caller, /, name: str, *, export: bool) -> None:
    """Print the path of the administrator's kubeconfig."""
    path = local.kubeconfig(places.state(caller.environ), name)
    caller.streams.data(_export(path) if export else str(path))


@cluster.command()
@click.argument("image")
@_name_option
@click.pass_obj
def load(caller: Caller, /, image: str, name: str) -> None:
    """Put IMAGE into the node: an archive (docker save, OCI), or a reference this machine can pull."""
    asyncio.run(_load(caller, image, name))


@cluster.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tag", required=True, metavar="NAME[:TAG]", help="What to call it in the registry.")
@click.option("--file", "dockerfile", type=click.Path(path_type=Path), help="[default: FOLDER/Dockerfile]")
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME=VALUE", help="Repeat it.")
@_name_option
@click.pass_obj
def build(
    caller: Caller, /, folder: Path, tag: str, dockerfile: Path | None, build_args: tuple[str, ...], name: str
) -> None:
    """Build FOLDER's Dockerfile, push it to the cluster's registry, and print the image by its digest.

    Where the Dockerfile takes its base as the argument BASE, a Debian base of our own stands in.
    """
    running = local.inspect(places.state(caller.environ), name).running
    if running is None:
        raise NotFound(
            f"there is no cluster {name}", hint=f"`kubepreview cluster up --name {name}` makes one"
        )
    folder = caller.directory / folder
    recipe = Recipe(
        folder=folder,
        dockerfile=caller.directory / dockerfile if dockerfile else folder / "Dockerfile",
        tag=tag,
        arguments=dict(_build_arg(text) for text in build_args),
    )
    caller.streams.talk(f"building {tag} from {recipe.dockerfile} …")
    caller.streams.data(build_and_push(recipe, running.registry, places.cache(caller.environ)))


async def _load(caller: Caller, image: str, name: str) -> None:
    with closing(Teller(caller.streams)) as teller:
        built = await programs.ensure(places.cache(caller.environ), teller)
    caller.streams.talk((await local.load(places.state(caller.environ), name, image, built)).strip())


def _build_arg(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InvalidInput(f"--build-arg {text}: write NAME=VALUE")
    return name, value


def _addresses(running: RunningCluster) -> dict[str, str]:
    said = _plain_addresses(running)
    ingress_class = said.pop("ingressClass")
    said["ingress"] += f", class {ingress_class}; names below .localhost lead there"
    return said


def _address_lines(running: RunningCluster) -> str:
    return "\n".join(f"  {what:<12}{where}" for what, where in _addresses(running).items())


def _component_table(seen: ClusterStatus) -> str:
    components = seen.node.components.items() if seen.node else ()
    rows = [
        (name, part.state, f"{part.ready_after_s:.1f} s", str(part.restarts), part.last_exit)
        for name, part in components
    ]
    return table(("COMPONENT", "STATE", "READY AFTER", "RESTARTS", "LAST EXIT"), rows)


def _plain(seen: ClusterStatus) -> dict[str, Any]:
    running = seen.running
    return {
        "name": seen.name,
        "state": seen.state,
        "addresses": None if running is None else _plain_addresses(running),
        "node": None if seen.node is None else dataclasses.asdict(seen.node),
        "processes": sorted(seen.processes),
    }


def _plain_addresses(running: RunningCluster) -> dict[str, str]:
    host, port = running.ingress
    return {
        "kubeconfig": str(running.kubeconfig),
        "apiserver": running.api,
        "ingress": f"http://{host}:{port}",
        "ingressClass": running.ingress_class,
        "registry": running.registry,
    }


def _export(path: Path) -> str:
    return f"export KUBECONFIG={shlex.quote(str(path))}"
