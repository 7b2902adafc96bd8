"""The node's place in the network: a pair of interfaces, an address at each end, and routes to its ranges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import HOST_NETWORK
from kubepreview.localcluster.process import run

_NODE_INTERFACE = "eth0"

# Kernel settings of the node's own network namespace.
_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    # Pods of one bridge talk past iptables otherwise, and a network policy would hold nothing.
    "net/bridge/bridge-nf-call-iptables": "1",
}


def joining(config: NodeConfig) -> Iterator[list[str]]:
    """The commands that join node and host, run inside the node. Process 1 is the node's first."""
    ranges, outside = config.ranges, config.host_interface
    on_host = ["nsenter", f"--net={HOST_NETWORK}", "ip"]
    yield [*on_host, "link", "add", outside, "type", "veth", "peer", "name", _NODE_INTERFACE, "netns", "1"]
    yield [*on_host, "address", "add", f"{ranges.host}/{ranges.link.prefixlen}", "dev", outside]
    yield [*on_host, "link", "set", outside, "up"]
    yield ["ip", "link", "set", "lo", "up"]
    yield ["ip", "address", "add", f"{ranges.node}/{ranges.link.prefixlen}", "dev", _NODE_INTERFACE]
    yield ["ip", "link", "set", _NODE_INTERFACE, "up"]
    yield ["ip", "route", "add", "default", "via", str(ranges.host)]
    for network in (ranges.pods, ranges.services):
        yield [*on_host, "route", "add", str(network), "via", str(ranges.node)]


def join(config: NodeConfig) -> None:
    """Run them, and set what the node's network needs of the kernel."""
    for command in joining(config):
        run(command)
    for setting, value in _SETTINGS.items():
        (Path("/proc/sys") / setting).write_text(value)


def routes(listing: str) -> tuple[IPv4Network, ...]:
    """The networks of `ip -json -4 route show table all`, as far as they can collide with anything."""
    found = []
    for route in json.loads(listing):
        destination = str(route.get("dst", "default"))
        if destination != "default" and route.get("type") not in ("broadcast", "multicast"):
            found.append(IPv4Network(destination, strict=False))
    return tuple(found)


def host_routes() -> tuple[IPv4Network, ...]:
    """The networks this machine reaches now."""
    return routes(run(["ip", "-json", "-4", "route", "show", "table", "all"]))


def is_there(interface: str) -> bool:
    """Whether the host's end of a pair is still there."""
    return Path("/sys/class/net", interface).exists()


def remove(interface: str) -> None:
    """Take the host's end away, and its routes with it."""
    run(["ip", "link", "delete", interface])
