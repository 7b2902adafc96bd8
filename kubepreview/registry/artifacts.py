"""The artifact of a commit, pushed to a registry and taken from one (`core.artifact`)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from msgspec import Struct

from kubepreview.core import artifact
from kubepreview.core.artifact import Bundle, Packed
from kubepreview.core.images import Reference
from kubepreview.errors import Failed, Unreachable
from kubepreview.registry.logins import Login
from kubepreview.registry.manifests import TIMEOUT_S, failure, talk, verified
from kubepreview.registry.session import Answer, Content, Session

_BYTES = "application/octet-stream"


class Taken(Struct, frozen=True):
    """What was there, and by which digest."""

    reference: str
    bundle: Bundle


async def take(
    reference: str, sha: str, *, credentials: Mapping[str, Login], timeout_s: float = TIMEOUT_S
) -> Taken:
    """The bundle that is published there, of this commit.

    NotFound says that the registry has none. Failed says that there is something else, or another commit's,
    or bytes that do not fit their digest: waiting mends nothing of that. Refused and Unreachable say nothing
    about it.
    """
    image = Reference.parse(reference)
    what = f"take {reference}"
    async with talk(image, what, credentials, timeout_s=timeout_s) as (session, address):
        url = f"{address}/manifests/{image.wanted}"
        answer = await session.send("GET", url, artifact.MANIFEST_TYPE)
        digest = verified(answer, session, {artifact.MANIFEST_TYPE})
        try:
            layer = artifact.read_manifest(answer.body)
            blob = await session.send("GET", f"{address}/blobs/{layer.digest}", _BYTES)
            if blob.code != HTTPStatus.OK:
                raise failure(blob, session)
            bundle = artifact.unpack(layer, blob.body, sha)
        except ValueError as error:
            raise Failed(f"{what}: {error}") from error
    return Taken(str(image.pinned(digest)), bundle)


async def publish(
    reference: str, packed: Packed, *, credentials: Mapping[str, Login], timeout_s: float = TIMEOUT_S
) -> str:
    """Push it, and give it by its digest. Refused, Unreachable or Failed say what the registry answers."""
    image = Reference.parse(reference)
    what = f"publish {reference}"
    async with talk(image, what, credentials, timeout_s=timeout_s, actions="pull,push") as (session, address):
        for blob in packed.blobs:
            await _put_blob(session, address, blob)
        content = Content(packed.manifest, artifact.MANIFEST_TYPE)
        answer = await session.send("PUT", f"{address}/manifests/{image.wanted}", content=content)
        _check(answer, session, HTTPStatus.CREATED)
    return str(image.pinned(artifact.digest_of(packed.manifest)))


async def _put_blob(session: Session, address: str, blob: bytes) -> None:
    digest = artifact.digest_of(blob)
    there = await session.send("HEAD", f"{address}/blobs/{digest}")
    if there.code == HTTPStatus.OK:
        return
    begun = await session.send("POST", f"{address}/blobs/uploads/")
    _check(begun, session, HTTPStatus.ACCEPTED)
    place = session.beside(f"{address}/blobs/uploads/", begun.headers.get("location", ""))
    target = place.copy_merge_params({"digest": digest})
    answer = await session.send("PUT", str(target), content=Content(blob, _BYTES))
    _check(answer, session, HTTPStatus.CREATED)


def _check(answer: Answer, session: Session, wanted: HTTPStatus) -> None:
    if answer.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise session.refused(answer.host)
    if answer.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unreachable(f"{session.what}: {answer.host} answers {answer.code}")
    if answer.code != wanted:
        raise Failed(f"{session.what}: {answer.host} does not take it: it answers {answer.code}")
