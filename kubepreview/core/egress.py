"""What the pods of previews may reach beside their own namespace and DNS: what the project names.

A wide range never takes in what lies inside of the cluster's walls: addresses of private networks, of the
link and of its metadata services are left out of any range that is larger than they are. Who means such an
address names it; those of the link cannot be named.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, field

from kubepreview.core.wire import Object, Wire

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_Protocol: TypeAlias = Literal["TCP", "UDP"]
_CIDR = Annotated[str, Meta(pattern=r"^([0-9a-fA-F:.]{2,45}/[0-9]{1,3})?$", max_length=49)]
_SPACE = Annotated[str, Meta(pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", max_length=63)]
_PORT = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,4}(/(TCP|UDP))?$", max_length=9)]

# Here clouds keep their metadata services, and nodes what they serve to themselves.
_LINK_LOCAL: Final = ("169.254.0.0/16", "fe80::/10")
# RFC 1918, 6598, 1122 and 4193; and RFC 6052 and 8215, by which IPv4 is reached over IPv6.
_PRIVATE: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            *_LINK_LOCAL,
            *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
            *("fc00::/7", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48"),
        ),
    )
)

_NAMES_CIDR: Final = "has(self.cidr) && self.cidr != ''"
_OF_THE_LINK: Final = " || ".join(f"cidr('{each}').containsCIDR(self.cidr)" for each in _LINK_LOCAL)
# Kept by the apiserver (CEL), whoever writes the project.
RULES: Final = (
    {
        # What CEL keeps for itself is written with underscores.
        "rule": f"({_NAMES_CIDR}) != (has(self.__namespace__) && self.__namespace__ != '')",
        "message": "name either a cidr or a namespace",
    },
    {
        "rule": f"!({_NAMES_CIDR}) || isCIDR(self.cidr)",
        "message": "cidr is no range of addresses, like 203.0.113.0/24",
    },
    {
        "rule": f"!({_NAMES_CIDR}) || !isCIDR(self.cidr) || !({_OF_THE_LINK})",
        "message": "no preview reaches addresses of the link: there clouds keep their metadata services",
    },
    {
        "rule": (
            "!has(self.except) || self.except.all(part, isCIDR(part)"
            f" && {_NAMES_CIDR} && isCIDR(self.cidr) && cidr(self.cidr).containsCIDR(part))"
        ),
        "message": "except names what is no part of cidr",
    },
)


class Egress(Wire, frozen=True, kw_only=True):
    """Somewhere that the pods of every preview may connect to."""

    cidr: Annotated[
        _CIDR,
        Meta(
            description=(
                "A range of addresses; 0.0.0.0/0 is the internet. Private networks, the link's addresses and "
                "what leads to them are left out of a range that is larger."
            )
        ),
    ] = ""
    except_: Annotated[
        tuple[_CIDR, ...],
        Meta(description="Parts of the range that they may not reach.", max_length=32),
    ] = field(default=(), name="except")
    namespace: Annotated[_SPACE, Meta(description="In its place: all pods of another namespace.")] = ""
    ports: Annotated[
        tuple[_PORT, ...],
        Meta(description="Where they may connect, like 443 or 53/UDP; empty allows any.", max_length=32),
    ] = ()


def problem(egress: Egress) -> str:
    """What is wrong with it, as the apiserver would say; empty if nothing is."""
    if bool(egress.cidr) == bool(egress.namespace):
        return RULES[0]["message"]
    whole, parts = _tried(egress.cidr), [_tried(part) for part in egress.except_]
    if egress.cidr and whole is None:
        return RULES[1]["message"]
    if whole and any(_is_part(whole, _network(link)) for link in _LINK_LOCAL):
        return RULES[2]["message"]
    if not all(part and whole and _is_part(part, whole) for part in parts):
        return RULES[3]["message"]
    return ""


def parse(text: str) -> Object:
    """As it is given on a command line: ``203.0.113.0/24=443,53/UDP``, ``namespace/payments=8080``."""
    where, _, ports = text.partition("=")
    kind, _, name = where.partition("/")
    place = {"namespace": name} if kind == "namespace" else {"cidr": where}
    return {**place, **({"ports": ports.split(",")} if ports else {})}


def rule(egress: Egress) -> Object:
    """The rule of a NetworkPolicy that lets it through."""
    allowed: Object = {"to": [_peer(egress)]}
    if egress.ports:
        allowed["ports"] = [
            {"protocol": protocol, "port": port} for port, protocol in map(_port, egress.ports)
        ]
    return allowed


def described(egress: Egress) -> str:
    """For people: ``203.0.113.0/24 at 443/TCP``, ``namespace payments``."""
    where = f"namespace {egress.namespace}" if egress.namespace else str(_network(egress.cidr))
    private = ["no private network"] if set(_left_out(egress)) & set(_PRIVATE) else []
    if left_out := [*private, *(f"not {part}" for part in egress.except_)]:
        where += f", but {', '.join(left_out)}"
    ports = ", ".join(f"{port}/{protocol}" for port, protocol in map(_port, egress.ports))
    return f"{where} at {ports}" if ports else where


def _peer(egress: Egress) -> Object:
    if egress.namespace:
        return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": egress.namespace}}}
    block: Object = {"cidr": str(_network(egress.cidr))}
    if left_out := _left_out(egress):
        block["except"] = [str(network) for network in left_out]
    return {"ipBlock": block}


def _left_out(egress: Egress) -> Sequence[_Network]:
    """What is strictly smaller than the range, and not to be reached. The apiserver refuses anything else."""
    if not egress.cidr:
        return ()
    whole = _network(egress.cidr)
    named = map(_network, egress.except_)
    return [each for each in (*_PRIVATE, *named) if each != whole and _is_part(each, whole)]


def _is_part(network: _Network, of: _Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return isinstance(of, ipaddress.IPv4Network) and network.subnet_of(of)
    return isinstance(of, ipaddress.IPv6Network) and network.subnet_of(of)


def _tried(text: str) -> _Network | None:
    try:
        return _network(text)
    except ValueError:
        return None


def _network(text: str) -> _Network:
    return ipaddress.ip_network(text, strict=False)


def _port(text: str) -> tuple[int, _Protocol]:
    port, _, protocol = text.partition("/")
    return int(port), "UDP" if protocol == "UDP" else "TCP"
