"""What a node shall be: as its user asks, as it was before, and as this machine has room."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath

from kubepreview.errors import Failed, Refused
from kubepreview.localcluster import host, network, programs, ranges, recipe
from kubepreview.localcluster.config import NodeConfig, Ports, SystemImages
from kubepreview.localcluster.layout import StateDirectory
from kubepreview.localcluster.programs import Programs
from kubepreview.localcluster.ranges import Ranges

DEFAULT_NAME = "kubepreview"
DEFAULT_INGRESS_PORT = 8080
DEFAULT_REGISTRY_PORT = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """What the user may choose. A port of 0 is chosen once, and kept for the life of the cluster."""

    state_root: Path
    cache: Path
    name: str = DEFAULT_NAME
    ingress_port: int = DEFAULT_INGRESS_PORT
    api_port: int = 0
    registry_port: int = DEFAULT_REGISTRY_PORT


def read(state: StateDirectory) -> NodeConfig | None:
    """What the node was last started with; None when there is no such cluster."""
    try:
        return NodeConfig.from_json(state.config.read_text())
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise Failed(
            f"{state.config} is not one that this version understands: {error}",
            hint=f"`kubepreview cluster down --name {state.name}` removes the cluster and its data",
        ) from error


def write(state: StateDirectory, config: NodeConfig) -> None:
    """Write it for the node that is started next, of which nothing is known yet."""
    unfinished = state.config.with_suffix(".new")
    unfinished.write_text(config.to_json())
    unfinished.replace(state.config)
    state.status.unlink(missing_ok=True)


@contextlib.contextmanager
def claimed_ranges(state: StateDirectory, before: NodeConfig | None) -> Iterator[Ranges]:
    """The cluster's own ranges, claimed until its routes say so themselves."""
    wanted = iter([before.ranges]) if before else ranges.free([*network.host_routes(), *_of_others(state)])
    for candidate in wanted:
        claim = host.claim(candidate)
        if claim:
            with claim:
                yield candidate
            return
    raise Refused(
        f"another `up` holds the addresses of cluster {state.name}", hint="wait for it, and try again"
    )


def configure(
    state: StateDirectory,
    options: ClusterOptions,
    built: Programs,
    archives: Mapping[str, Path],
    own: Ranges,
    before: NodeConfig | None,
) -> NodeConfig:
    """All that the node is told."""
    kept = before.ports if before else Ports(ingress=0, api=0, registry=0)
    shall = NodeConfig(
        name=state.name,
        state=str(state.path),
        cgroup=state.cgroup,
        host_interface=state.host_interface,
        bridge=state.bridge,
        ranges=own,
        ports=Ports(
            ingress=options.ingress_port or kept.ingress or host.free_port(),
            api=options.api_port or kept.api or host.free_port(),
            registry=options.registry_port or kept.registry or host.free_port(),
        ),
        programs={name: str(built.path(name)) for name in programs.NAMES},
        images=_system_images(archives),
        archives={reference: str(path) for reference, path in archives.items()},
    )
    return replace(shall, recipe=recipe.digest(shall))


def check(config: NodeConfig) -> None:
    """Refuse what another program of this machine has taken, before the node stumbles over it."""
    taken = ranges.overlaps(config.ranges, network.host_routes())
    if taken:
        raise Refused(
            f"cluster {config.name} was given addresses that this machine now routes elsewhere: {taken}",
            hint=f"`kubepreview cluster down --name {config.name}`, and up again, gives it others",
        )
    ports = {"ingress": config.ports.ingress, "api": config.ports.api, "registry": config.ports.registry}
    for use, port in ports.items():
        if not host.is_free(port):
            raise Refused(
                f"port {port} of 127.0.0.1, for the {use} of cluster {config.name}, is in use",
                hint=f"end what listens there (`ss -ltnp 'sport = :{port}'`), or choose with --{use}-port",
            )


def _of_others(state: StateDirectory) -> Iterator[IPv4Network]:
    """The ranges of clusters beside this one, which may be stopped and have no routes."""
    for path in state.path.parent.glob("*/cluster.json"):
        other = StateDirectory(path.parent)
        if other != state and (config := read(other)):
            yield from config.ranges.networks()


def _system_images(archives: Mapping[str, Path]) -> SystemImages:
    by_name = {PurePosixPath(reference).name.partition(":")[0]: reference for reference in archives}
    return SystemImages(pause=by_name["pause"], coredns=by_name["coredns"], traefik=by_name["traefik"])
