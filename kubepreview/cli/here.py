"""Whether a cluster is one of this machine, and which."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from kubepreview.cli import places
from kubepreview.cli.caller import Caller
from kubepreview.localcluster import cluster as local
from kubepreview.localcluster.cluster import RunningCluster


def local_cluster(caller: Caller, server: str) -> RunningCluster | None:
    """The cluster of `cluster up` whose apiserver this is, if it is one."""
    root = places.state(caller.environ)
    if not is_loopback(server) or not root.is_dir():
        return None
    for folder in sorted(root.iterdir()):
        running = local.inspect(root, folder.name).running
        if running is not None and running.api == server:
            return running
    return None


def is_loopback(server: str) -> bool:
    """Whether a URL leads to this machine and to nowhere else."""
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
