"""An image by tag → the same image by digest, asked of its registry by the OCI distribution protocol."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from kubepreview.core.images import Reference
from kubepreview.registry.logins import Login
from kubepreview.registry.manifests import TIMEOUT_S, talk, told_digest, verified
from kubepreview.registry.session import Session

_ACCEPTED = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


async def resolve_digest(
    reference: str,
    *,
    credentials: Mapping[str, Login] | None = None,
    plain_http_hosts: frozenset[str] = frozenset(),
    timeout_s: float = TIMEOUT_S,
) -> str:
    """``name@sha256:…`` for what `reference` stands for now; one with a digest is taken at its word.

    `credentials` are logins by registry host. Registries of this machine, and `plain_http_hosts`, are
    asked over plain HTTP. NotFound, Refused or Unreachable say which image, which registry, and why.
    """
    image = Reference.parse(reference)
    if image.digest:
        return str(image.pinned(image.digest))
    what = f"resolve {reference} at {image.registry}"
    async with talk(
        image, what, credentials or {}, plain_http_hosts=plain_http_hosts, timeout_s=timeout_s
    ) as (session, address):
        return str(image.pinned(await _digest(session, f"{address}/manifests/{image.wanted}")))


async def _digest(session: Session, url: str) -> str:
    accept = ", ".join(_ACCEPTED)
    # HEAD first: registries that count pulls do not count it.
    head = await session.send("HEAD", url, accept)
    if head.code == HTTPStatus.OK and (told := told_digest(head)):
        return told
    # An answer to HEAD has no body to say why; ask again for one that does.
    return verified(await session.send("GET", url, accept), session, _ACCEPTED)
