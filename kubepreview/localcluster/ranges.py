"""The addresses of a cluster: ranges no other cluster and no route of the host uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from kubepreview.errors import Refused

# Second octets of 10.0.0.0/8: each base gives pods (b), services (b+1) and links (b+2). The first is what
# people know from other clusters; the rest serve where that is taken.
_BASES = (244, 212, 180, 148)
_SLOTS_PER_BASE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Pods and services (4094 each), and the two ends of the link between host and node."""

    pods: IPv4Network
    services: IPv4Network
    link: IPv4Network

    @property
    def host(self) -> IPv4Address:
        """The host, as the node and its pods see it."""
        return self.link[1]

    @property
    def node(self) -> IPv4Address:
        """The node."""
        return self.link[2]

    @property
    def apiserver(self) -> IPv4Address:
        """The service `kubernetes`: the first address, by Kubernetes' own rule."""
        return self.services[1]

    @property
    def dns(self) -> IPv4Address:
        """The service `kube-dns`: the tenth, by custom."""
        return self.services[10]

    @property
    def ingress(self) -> IPv4Address:
        """The service `traefik`; fixed, so that publishing need not ask."""
        return self.services[80]

    def networks(self) -> tuple[IPv4Network, ...]:
        """All that must not overlap with anything else."""
        return (self.pods, self.services, self.link)


def candidates() -> Iterator[Ranges]:
    """Every choice, in the order of preference."""
    for base in _BASES:
        for slot in range(_SLOTS_PER_BASE):
            yield Ranges(
                pods=IPv4Network(f"10.{base}.{slot * 16}.0/20"),
                services=IPv4Network(f"10.{base + 1}.{slot * 16}.0/20"),
                link=IPv4Network(f"10.{base + 2}.{slot}.0/30"),
            )


def overlaps(ranges: Ranges, taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """The first of `taken` that `ranges` would collide with. A default route covers all and means nothing."""
    for network in taken:
        if network.prefixlen and any(network.overlaps(ours) for ours in ranges.networks()):
            return network
    return None


def free(taken: Iterable[IPv4Network]) -> Iterator[Ranges]:
    """The choices that collide with nothing, in the order of preference; at the end of them, Refused."""
    networks = tuple(taken)
    for ranges in candidates():
        if overlaps(ranges, networks) is None:
            yield ranges
    raise Refused(
        "no address range is free for a local cluster: this machine routes every candidate in 10.0.0.0/8",
        hint="`ip route` lists them; `kubepreview cluster down --name …` removes a cluster you no longer use",
    )
