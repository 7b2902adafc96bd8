"""From a tag to a digest: logins, redirects, and answers that say nothing."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable

import pytest

from kubepreview.errors import Failed, KubepreviewError, NotFound, Refused, Unreachable
from kubepreview.registry.digests import resolve_digest
from kubepreview.registry.logins import Login

from .images import Pusher
from .standin import Asked, Said, standin

_INDEX = "application/vnd.oci.image.index.v1+json"
_BODY = b'{"schemaVersion": 2, "manifests": []}'
_DIGEST = f"sha256:{hashlib.sha256(_BODY).hexdigest()}"
_MANIFEST = Said(headers={"Content-Type": _INDEX, "Docker-Content-Digest": _DIGEST}, body=_BODY)
_UNKNOWN = json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}).encode()


# --- a real registry -----------------------------------------------------------------------------


async def test_a_tag_is_resolved_to_what_it_stands_for_now(registry: Pusher) -> None:
    """A push under the same tag changes the answer; a digest asks nobody."""
    name = f"{registry.host}/acme/web"
    first = registry.push("acme/web", "v1", "one")
    assert await resolve_digest(f"{name}:v1") == f"{name}@{first}"

    second = registry.push("acme/web", "v1", "two")
    assert await resolve_digest(f"{name}:v1") == f"{name}@{second}"
    assert await resolve_digest(f"127.0.0.1:1/web:v1@{first}") == f"127.0.0.1:1/web@{first}"


async def test_an_image_that_is_not_there_is_told_with_its_registry(registry: Pusher) -> None:
    """Neither the tag nor the repository; the registry itself says so."""
    registry.push("acme/web", "v1")
    for image in (f"{registry.host}/acme/web:v2", f"{registry.host}/acme/nothing"):
        with pytest.raises(NotFound) as error:
            await resolve_digest(image)
        assert error.value.message == f"resolve {image} at {registry.host}: the registry does not have it"


async def test_a_registry_that_is_not_there_is_unreachable() -> None:
    """With the name of the host."""
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 cannot be reached"):
        await resolve_digest("127.0.0.1:1/web:v1")


# --- logins --------------------------------------------------------------------------------------


def _wants(challenge: str, is_right: Callable[[Asked], bool]) -> Callable[[Asked], Said]:
    """Manifests for who is let in; a 401 with the challenge for others."""

    def answer(asked: Asked) -> Said:
        return _MANIFEST if is_right(asked) else Said(401, {"WWW-Authenticate": challenge})

    return answer


async def test_a_token_is_fetched_as_the_registry_asks() -> None:
    """Realm, service and scope of the challenge, with the login; then the request again, with the token."""
    tokens = Said(body=b'{"token": "t0k3n"}')
    async with standin(lambda _asked: tokens) as issuer:
        challenge = (
            f'Bearer realm="http://{issuer.host}/token?a=1",service="r.example.com",scope="repository:x:pull"'
        )
        right = _wants(challenge, lambda asked: asked.headers.get("authorization") == "Bearer t0k3n")
        async with standin(right) as registry:
            logins = {registry.host: Login("me", "s3cret")}
            found = await resolve_digest(f"{registry.host}/x:v1", credentials=logins)

    assert found == f"{registry.host}/x@{_DIGEST}"
    assert registry.lines == ["HEAD /v2/x/manifests/v1"] * 2
    assert issuer.lines == ["GET /token?a=1&scope=repository%3Ax%3Apull&service=r.example.com"]
    assert issuer.asked[0].headers["authorization"] == Login("me", "s3cret").basic
    assert "authorization" not in registry.asked[0].headers
    assert _INDEX in registry.asked[1].headers["accept"]


async def test_a_public_image_needs_no_login() -> None:
    """Docker Hub and GHCR ask for a token of everybody, and give one to anybody."""
    async with standin(lambda _asked: Said(body=b'{"access_token": "anyone"}')) as issuer:
        challenge = f'Bearer realm="http://{issuer.host}/token",service="s"'
        right = _wants(challenge, lambda asked: asked.headers.get("authorization") == "Bearer anyone")
        async with standin(right) as registry:
            await resolve_digest(f"{registry.host}/acme/web:v1")

    assert issuer.lines == ["GET /token?scope=repository%3Aacme%2Fweb%3Apull&service=s"]
    assert "authorization" not in issuer.asked[0].headers


async def test_basic_is_answered_with_the_login() -> None:
    """Small registries behind a password."""
    login = Login("me", "s3cret")
    right = _wants('Basic realm="r"', lambda asked: asked.headers.get("authorization") == login.basic)
    async with standin(right) as registry:
        assert await resolve_digest(f"{registry.host}/x", credentials={registry.host: login})
        with pytest.raises(Refused, match="refuses without a login") as error:
            await resolve_digest(f"{registry.host}/x")
        with pytest.raises(Refused, match="refuses with the login it was given"):
            await resolve_digest(f"{registry.host}/x", credentials={registry.host: Login("me", "wrong")})

    assert f"docker login {registry.host}" in error.value.hint


async def test_a_login_never_leaves_its_host() -> None:
    """A registry that sends us elsewhere does not send our token along."""
    async with standin(lambda _asked: _MANIFEST) as other:

        def answer(asked: Asked) -> Said:
            if "authorization" in asked.headers:
                return Said(307, {"Location": f"http://{other.host}/elsewhere"})
            return Said(401, {"WWW-Authenticate": 'Basic realm="r"'})

        async with standin(answer) as registry:
            login = {registry.host: Login("me", "s3cret")}
            assert (
                await resolve_digest(f"{registry.host}/x", credentials=login)
                == f"{registry.host}/x@{_DIGEST}"
            )

    assert other.lines == ["HEAD /elsewhere"]
    assert "authorization" not in other.asked[0].headers


# --- answers -------------------------------------------------------------------------------------


async def test_without_a_digest_in_the_head_the_body_is_hashed() -> None:
    """The header is optional in the specification; the digest of a manifest is that of its bytes."""
    async with standin(lambda _asked: Said(headers={"Content-Type": _INDEX}, body=_BODY)) as registry:
        assert await resolve_digest(f"{registry.host}/x:v1") == f"{registry.host}/x@{_DIGEST}"

    assert registry.lines == ["HEAD /v2/x/manifests/v1", "GET /v2/x/manifests/v1"]


def _after_head(said: Said) -> Callable[[Asked], Said]:
    return lambda asked: Said(code=405) if asked.method == "HEAD" else said


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (Said(404, body=_UNKNOWN), NotFound, "the registry does not have it"),
        (
            Said(404, body=b"<html>not found</html>"),
            Unreachable,
            "answers 404, which says nothing about the image",
        ),
        (Said(404, body=b'{"errors": [{"code": "OTHER"}]}'), Unreachable, "answers 404"),
        (Said(404, body=b"[]"), Unreachable, "answers 404"),
        (Said(403), Refused, "the image is private, or it is not there"),
        (Said(401), Refused, "refuses without a login"),
        (Said(429), Unreachable, "too many requests"),
        (Said(503), Unreachable, "answers 503"),
        (
            Said(200, {"Content-Type": "text/html"}, b"hello"),
            Unreachable,
            "answers with text/html, not a manifest",
        ),
        (Said(200, body=_BODY), Unreachable, "answers with no type, not a manifest"),
        (Said(302, {"Location": "/again"}), Unreachable, "leads on and on"),
        (Said(302, {"Location": "ftp://x/y"}), Unreachable, "not protected by TLS"),
        (Said(302, {"Location": "http://x:abc/"}), Unreachable, "no address"),
        (Said(200, {"Content-Type": _INDEX}, b"x" * (5 * 1024 * 1024)), Unreachable, "more than a manifest"),
        (
            Said(200, {"Content-Type": _INDEX, "Docker-Content-Digest": f"sha256:{'0' * 64}"}, _BODY),
            Failed,
            "but its manifest has sha256:",
        ),
    ],
)
async def test_an_answer_is_taken_for_what_it_is(
    said: Said, kind: type[KubepreviewError], words: str
) -> None:
    """Only the registry's own word is an absence; everything else may be different on the next try."""
    async with standin(_after_head(said)) as registry:
        with pytest.raises(kind) as error:
            await resolve_digest(f"{registry.host}/x:v1")

    assert words in error.value.message
    assert f"resolve {registry.host}/x:v1" in error.value.message


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (Said(401), Refused, "private"),
        (Said(500), Unreachable, "gives no token (code 500)"),
        (Said(body=b"no json"), Unreachable, "gives no token (code 200)"),
    ],
)
async def test_a_token_that_is_not_given_is_told(
    said: Said, kind: type[KubepreviewError], words: str
) -> None:
    """A refusal is one; a broken issuer is not."""
    async with standin(lambda _asked: said) as issuer:
        challenge = f'Bearer realm="http://{issuer.host}/t"'
        async with standin(lambda _asked: Said(401, {"WWW-Authenticate": challenge})) as registry:
            with pytest.raises(kind) as error:
                await resolve_digest(f"{registry.host}/x")

    assert words in error.value.message


async def test_a_registry_that_keeps_silent_is_unreachable() -> None:
    """It takes the connection and says nothing; the deadline is for everything together."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Unreachable, match=rf"resolve {host}/x at {host}: .* answer in"):
            await resolve_digest(f"{host}/x", timeout_s=0.2)
