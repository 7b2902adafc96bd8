"""What is asked of others than the cluster: the DNS, and image registries, both from this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Final

from kubepreview.core import diagnosis
from kubepreview.core.diagnosis import Finding, Project
from kubepreview.errors import NotFound, Refused, Unreachable
from kubepreview.registry.digests import resolve_digest

_DNS_S: Final = 10.0
_REGISTRY_S: Final = 10.0
# No registry has it; that it says so is the answer that is wanted.
_NO_IMAGE: Final = "kubepreview-doctor/no-such-image:0"
# What getaddrinfo answers when the DNS knows the name not to be, and when it knows it to have no address.
_NO_SUCH_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


async def wildcards(projects: Sequence[Project]) -> Sequence[Finding]:
    """For each project, a host that only a wildcard record can answer for."""
    return await asyncio.gather(*(_wildcard(project) for project in projects))


async def registries(hosts: Sequence[str]) -> Sequence[Finding]:
    """Whether each answers at all; a no is an answer."""
    return await asyncio.gather(*(_registry(host) for host in hosts))


async def _wildcard(project: Project) -> Finding:
    host = diagnosis.trial_host(project)
    if host.endswith(".localhost"):
        return diagnosis.wildcard(project, ())
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_DNS_S):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        return diagnosis.wildcard(project, (), f"no answer about {host} in {_DNS_S:g} s")
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            return diagnosis.wildcard(project, ())
        return diagnosis.wildcard(project, (), f"asking for {host}: {error.strerror}")
    return diagnosis.wildcard(project, sorted({str(address[4][0]) for address in found}))


async def _registry(host: str) -> Finding:
    try:
        await resolve_digest(f"{host}/{_NO_IMAGE}", timeout_s=_REGISTRY_S)
    except (NotFound, Refused):
        return diagnosis.registry(host, "")
    except Unreachable as error:
        return diagnosis.registry(host, error.message)
    return diagnosis.registry(host, "")
