"""A manifest of a registry, and what its answer means when it gives none: the distribution protocol."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from kubepreview.core.images import DOCKER_HUB, Reference
from kubepreview.errors import Failed, KubepreviewError, NotFound, Unreachable
from kubepreview.registry.logins import Login
from kubepreview.registry.session import Answer, Session, connected

TIMEOUT_S: Final = 30.0

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_UNKNOWN_CODES: Final = frozenset({"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND"})
_HUB_API: Final = "registry-1.docker.io"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


@asynccontextmanager
async def talk(
    image: Reference,
    what: str,
    credentials: Mapping[str, Login],
    *,
    plain_http_hosts: frozenset[str] = frozenset(),
    timeout_s: float = TIMEOUT_S,
    actions: str = "pull",
) -> AsyncIterator[tuple[Session, str]]:
    """A session about the image's repository, and its address; Unreachable if all of it takes too long."""
    is_plain = image.registry in plain_http_hosts or re.sub(r":\d+$", "", image.registry) in _LOOPBACK
    host = _HUB_API if image.registry == DOCKER_HUB else image.registry
    try:
        async with asyncio.timeout(timeout_s), connected(is_plain=is_plain, timeout_s=timeout_s) as client:
            session = Session(
                client=client, logins=credentials, what=what, repository=image.repository, actions=actions
            )
            yield session, f"{'http' if is_plain else 'https'}://{host}/v2/{image.repository}"
    except TimeoutError as error:
        raise Unreachable(f"{what}: no answer in {timeout_s:g} s") from error


def told_digest(answer: Answer) -> str:
    """What the registry says it is; empty if it says nothing."""
    told = answer.headers.get("docker-content-digest", "")
    return told if _DIGEST.fullmatch(told) else ""


def verified(answer: Answer, session: Session, accepted: Collection[str]) -> str:
    """The digest of the body, which is a manifest and the one that the registry says it is."""
    if answer.code != HTTPStatus.OK:
        raise failure(answer, session)
    content_type = answer.headers.get("content-type", "").partition(";")[0]
    if content_type not in accepted:
        raise Unreachable(
            f"{session.what}: {answer.host} answers with {content_type or 'no type'}, not a manifest"
        )
    told = told_digest(answer)
    algorithm = told.partition(":")[0] or "sha256"
    digest = f"{algorithm}:{hashlib.new(algorithm, answer.body).hexdigest()}"
    if told and told != digest:
        raise Failed(f"{session.what}: {answer.host} says {told}, but its manifest has {digest}")
    return digest


def failure(answer: Answer, session: Session) -> KubepreviewError:
    """What an answer that is none means."""
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
