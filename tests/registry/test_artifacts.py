"""Artifacts of commits, in a real registry and in registries that lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import httpx2
import pytest

from kubepreview.core import artifact
from kubepreview.core.artifact import Bundle
from kubepreview.core.model import Entry
from kubepreview.errors import Failed, NotFound, Refused, Unreachable
from kubepreview.registry.artifacts import publish, take
from kubepreview.registry.logins import Login

from .images import Pusher
from .standin import Asked, Said, standin

_SHA: Final = "a" * 40
_WEB = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
_BUNDLE = Bundle(sha=_SHA, entry=Entry(service="web", port=80), manifests=(_WEB,))
_PACKED = artifact.pack(_BUNDLE)
_DIGEST = artifact.digest_of(_PACKED.manifest)


# --- a real registry -----------------------------------------------------------------------------


async def test_what_is_published_is_taken(registry: Pusher) -> None:
    """By its digest; and to publish it again changes nothing."""
    name = f"{registry.host}/acme/previews"
    for _ in range(2):
        assert await publish(f"{name}:{_SHA}", _PACKED, credentials={}) == f"{name}@{_DIGEST}"
    found = await take(f"{name}:{_SHA}", _SHA, credentials={})
    assert (found.reference, found.bundle) == (f"{name}@{_DIGEST}", _BUNDLE)


async def test_a_registry_keeps_it_as_the_artifact_that_it_is(registry: Pusher) -> None:
    """What any other client is told of it."""
    await publish(f"{registry.host}/acme/kept:{_SHA}", _PACKED, credentials={})
    async with httpx2.AsyncClient() as client:
        answer = await client.get(
            f"http://{registry.host}/v2/acme/kept/manifests/{_DIGEST}",
            headers={"Accept": artifact.MANIFEST_TYPE},
        )
    assert answer.json()["artifactType"] == "application/vnd.kubepreview.manifests.v1"


async def test_what_is_not_there_yet_is_waited_for(registry: Pusher) -> None:
    """The registry itself says that it has none: of the repository, or of this commit."""
    await publish(f"{registry.host}/acme/late:{_SHA}", _PACKED, credentials={})
    for name in ("acme/nothing", "acme/late"):
        with pytest.raises(NotFound, match="the registry does not have it"):
            await take(f"{registry.host}/{name}:{'b' * 40}", "b" * 40, credentials={})


async def test_an_image_of_that_name_is_not_taken(registry: Pusher) -> None:
    """Nor is the artifact of another commit."""
    registry.push("acme/image", _SHA)
    with pytest.raises(Failed, match="it is an image, and not"):
        await take(f"{registry.host}/acme/image:{_SHA}", _SHA, credentials={})

    other = "b" * 40
    await publish(f"{registry.host}/acme/moved:{other}", _PACKED, credentials={})
    with pytest.raises(Failed, match=f"it is of {_SHA}, and not of {other}"):
        await take(f"{registry.host}/acme/moved:{other}", other, credentials={})


# --- registries that lie, or do not answer -------------------------------------------------------


_MANIFEST = Said(headers={"Content-Type": artifact.MANIFEST_TYPE}, body=_PACKED.manifest)
_UNKNOWN = Said(404, body=json.dumps({"errors": [{"code": "BLOB_UNKNOWN"}]}).encode())


def _registry(manifest: Said, blob: Said) -> Callable[[Asked], Said]:
    return lambda asked: manifest if "/manifests/" in asked.path else blob


def _told(digest: str) -> Said:
    headers = {"Content-Type": artifact.MANIFEST_TYPE, "Docker-Content-Digest": digest}
    return Said(headers=headers, body=_PACKED.manifest)


@pytest.mark.parametrize(
    ("manifest", "blob", "error", "words"),
    [
        (_told(f"sha256:{'0' * 64}"), Said(body=_PACKED.blobs[1]), Failed, "says sha256:0000"),
        (_MANIFEST, Said(body=b"{}"), Failed, "its layer is not"),
        (_MANIFEST, _UNKNOWN, NotFound, "does not have it"),
        (_MANIFEST, Said(500), Unreachable, "answers 500"),
        (_MANIFEST, Said(404), Unreachable, "answers 404, which says nothing"),
        (Said(404), Said(), Unreachable, "answers 404, which says nothing"),
        (Said(502), Said(), Unreachable, "answers 502"),
        (Said(429), Said(), Unreachable, "too many requests"),
        (Said(403), Said(), Refused, "refuses without a login"),
        (Said(body=b"<html>"), Said(), Unreachable, "no type, not a manifest"),
        (Said(headers=_MANIFEST.headers, body=b"x" * 5_000_000), Said(), Unreachable, "more than"),
    ],
)
async def test_an_answer_is_taken_for_no_more_than_it_is(
    manifest: Said, blob: Said, error: type[Exception], words: str
) -> None:
    """A wrong digest is refused, a missing artifact waited for, and a fault says nothing."""
    async with standin(_registry(manifest, blob)) as lying:
        with pytest.raises(error, match=words):
            await take(f"{lying.host}/acme/x:{_SHA}", _SHA, credentials={})


async def test_a_silent_registry_is_not_waited_for_for_ever() -> None:
    """As long as it was given, and no longer."""
    async with standin(lambda asked: Said(307, {"Location": asked.path})) as circling:
        with pytest.raises(Unreachable, match="leads on and on"):
            await take(f"{circling.host}/acme/x:{_SHA}", _SHA, credentials={}, timeout_s=5)


def _wants_a_token(issuer: str) -> Callable[[Asked], Said]:
    def answer(asked: Asked) -> Said:
        if asked.headers.get("authorization") != "Bearer t0k3n":
            return Said(401, {"WWW-Authenticate": f'Bearer realm="http://{issuer}/token"'})
        if asked.method == "POST":
            return Said(202, {"Location": "/upload?state=1"})
        return Said(404) if asked.method == "HEAD" else Said(201)

    return answer


async def test_to_publish_it_asks_for_the_right_to_push() -> None:
    """With the login; and each blob goes where the registry wants it, under its digest."""
    async with (
        standin(lambda _: Said(body=b'{"token": "t0k3n"}')) as issuer,
        standin(_wants_a_token(issuer.host)) as registry,
    ):
        logins = {registry.host: Login("me", "s3cret")}
        await publish(f"{registry.host}/acme/x:{_SHA}", _PACKED, credentials=logins)
    assert "scope=repository%3Aacme%2Fx%3Apull%2Cpush" in issuer.asked[0].path
    uploads = [one for one in registry.asked if one.method == "PUT" and one.path.startswith("/upload")]
    digests = [artifact.digest_of(blob).replace(":", "%3A") for blob in _PACKED.blobs]
    assert [one.path for one in uploads] == [f"/upload?state=1&digest={digest}" for digest in digests]


@pytest.mark.parametrize(
    ("code", "error"), [(403, Refused), (500, Unreachable), (404, Failed), (413, Failed)]
)
async def test_a_registry_that_does_not_take_it_is_told(code: int, error: type[Exception]) -> None:
    """With what it answers."""
    answers: dict[str, Any] = {"HEAD": Said(404), "POST": Said(code)}
    async with standin(lambda asked: answers[asked.method]) as full:
        with pytest.raises(error, match=f"publish {full.host}/acme/x"):
            await publish(f"{full.host}/acme/x:{_SHA}", _PACKED, credentials={})
