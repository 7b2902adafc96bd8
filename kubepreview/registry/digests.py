"""An image by tag → the same image by digest, asked of its registry by the OCI distribution protocol."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus

from kubepreview.core.images import DOCKER_HUB, Reference
from kubepreview.errors import Failed, KubepreviewError, NotFound, Unreachable
from kubepreview.registry.logins import Login
from kubepreview.registry.session import Answer, Session, connected

_ACCEPTED = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_UNKNOWN_CODES = frozenset({"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"})
_HUB_API = "registry-1.docker.io"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


async def resolve_digest(
    reference: str,
    *,
    credentials: Mapping[str, Login] | None = None,
    plain_http_hosts: frozenset[str] = frozenset(),
    timeout_s: float = 30,
) -> str:
    """``name@sha256:…`` for what `reference` stands for now; one with a digest is taken at its word.

    `credentials` are logins by registry host. Registries of this machine, and `plain_http_hosts`, are
    asked over plain HTTP. NotFound, Refused or Unreachable say which image, which registry, and why.
    """
    image = Reference.parse(reference)
    if image.digest:
        return str(image.pinned(image.digest))
    what = f"resolve {reference} at {image.registry}"
    is_plain = image.registry in plain_http_hosts or re.sub(r":\d+$", "", image.registry) in _LOOPBACK
    try:
        async with asyncio.timeout(timeout_s), connected(is_plain=is_plain, timeout_s=timeout_s) as client:
            session = Session(client=client, logins=credentials or {}, what=what, repository=image.repository)
            digest = await _digest(session, image, "http" if is_plain else "https")
    except TimeoutError as error:
        raise Unreachable(f"{what}: no answer in {timeout_s:g} s") from error
    return str(image.pinned(digest))


async def _digest(session: Session, image: Reference, scheme: str) -> str:
    host = _HUB_API if image.registry == DOCKER_HUB else image.registry
    url = f"{scheme}://{host}/v2/{image.repository}/manifests/{image.wanted}"
    accept = ", ".join(_ACCEPTED)
    # HEAD first: registries that count pulls do not count it.
    head = await session.send("HEAD", url, accept)
    told = head.headers.get("docker-content-digest", "")
    if head.code == HTTPStatus.OK and _DIGEST.fullmatch(told):
        return told
    # An answer to HEAD has no body to say why; ask again for one that does.
    answer = await session.send("GET", url, accept)
    if answer.code != HTTPStatus.OK:
        raise _failure(answer, session)
    return _verified(answer, session.what)


def _verified(answer: Answer, what: str) -> str:
    """The digest of the body, which is a manifest and the one that the registry says it is."""
    content_type = answer.headers.get("content-type", "").partition(";")[0]
    if content_type not in _ACCEPTED:
        raise Unreachable(f"{what}: {answer.host} answers with {content_type or 'no type'}, not a manifest")
    told = answer.headers.get("docker-content-digest", "")
    algorithm = told.partition(":")[0] if _DIGEST.fullmatch(told) else "sha256"
    digest = f"{algorithm}:{hashlib.new(algorithm, answer.body).hexdigest()}"
    if told and told != digest:
        raise Failed(f"{what}: {answer.host} says {told}, but its manifest has {digest}")
    return digest


def _failure(answer: Answer, session: Session) -> KubepreviewError:
    what, host, code = session.what, answer.host, answer.code
    if code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return session.refused(host)
    if code == HTTPStatus.NOT_FOUND and _codes(answer) & _UNKNOWN_CODES:
        return NotFound(f"{what}: the registry does not have it", hint="was it pushed, and under this tag?")
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        hint = "log in, wait, or give the image by its digest"
        return Unreachable(f"{what}: {host} has had too many requests from here", hint=hint)
    return Unreachable(f"{what}: {host} answers {code}, which says nothing about the image")


def _codes(answer: Answer) -> set[str]:
    """The codes of a registry's error; empty for the 404 of anything else."""
    errors = answer.json.get("errors")
    entries = errors if isinstance(errors, list) else []
    return {str(entry.get("code")) for entry in entries if isinstance(entry, dict)}
