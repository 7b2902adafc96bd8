"""Where a preview might connect, beside what runs in the cluster anyway: stand-ins that this test puts up.

A metadata service on the node's link-local address, what some nodes serve on their own, and, behind a link of
its own, a machine that stands for the internet. All of it is inside of the node's network namespace or
of one that is made here; it ends with the test.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from kubepreview.localcluster.cluster import RunningCluster
from tests.cluster.machine import program_of, run
from tests.cluster.walls.inside import Places, probing, program

METADATA = "169.254.169.254"
# For documentation (RFC 5737), so that it is nobody's.
_NEAR, INTERNET = "198.51.100.1", "198.51.100.2"
_LINK = "kpv-internet"
# What etcd, and the kubelet's port for reading, would be where they listen on the node's own address.
NODE_PORTS = (2379, 10255)


class Internet:
    """A machine beyond the cluster's ranges, which can be asked, and can ask."""

    def __init__(self, pid: int) -> None:
        self._network = ("nsenter", f"--target={pid}", "--net")

    def reached(self, places: Places) -> set[str]:
        """What it reaches of these places."""
        return set(json.loads(run(*self._network, sys.executable, *probing(places)))["answered"])


@contextmanager
def put_up(running: RunningCluster, node: str) -> Iterator[Internet]:
    """All of them, around the node at this address."""
    inside = ("nsenter", f"--target={program_of(running, 'kubelet')}", "--net")
    with ExitStack() as stack:
        run(*inside, "ip", "address", "add", f"{METADATA}/32", "dev", "lo")
        stack.callback(run, *inside, "ip", "address", "del", f"{METADATA}/32", "dev", "lo")
        stack.enter_context(
            _answering(*inside, places=(f"{METADATA}:80", *(f"{node}:{port}" for port in NODE_PORTS)))
        )
        pid = stack.enter_context(_answering(*inside, "unshare", "--net", places=(":443", ":53")))
        _join(inside, pid)
        yield Internet(pid)


def _join(inside: tuple[str, ...], pid: int) -> None:
    """A link between the node and the machine beyond; it goes when the machine's namespace does."""
    beyond = ("nsenter", f"--target={pid}", "--net", "ip")
    run(*inside, "ip", "link", "add", _LINK, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    run(*inside, "ip", "address", "add", f"{_NEAR}/30", "dev", _LINK)
    run(*inside, "ip", "link", "set", _LINK, "up")
    run(*beyond, "address", "add", f"{INTERNET}/30", "dev", "eth0")
    run(*beyond, "link", "set", "eth0", "up")
    run(*beyond, "route", "add", "default", "via", _NEAR)


@contextmanager
def _answering(*where: str, places: tuple[str, ...]) -> Iterator[int]:
    """Something that answers at these places, inside of a namespace; its process."""
    command = (*where, sys.executable, "-c", program("answer"), "nobody", *places)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 — our own words
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process.pid
        finally:
            process.kill()
