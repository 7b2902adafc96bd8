"""An issuer of OpenID Connect tokens on loopback: its discovery document, its keys, and what it signs."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.kube.controlplane import ControlPlane

KEY_ID: Final = "key-1"


def new_key() -> rsa.RSAPrivateKey:
    """A key to sign with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Issuer:
    """Who signs. `url`: what it calls itself; `place`: where it is found.

    `job`: the claims of the job that asks with `request_token`; `asked`: how often it did.
    """

    url: str
    place: str = ""
    key: rsa.RSAPrivateKey = field(default_factory=new_key)
    job: Mapping[str, Any] = field(default_factory=dict)
    request_token: str = "ask-for-this-job"  # noqa: S105 — of tests
    asked: int = 0

    def sign(self, claims: Mapping[str, Any], *, key: Any = None, **headers: Any) -> str:
        """A token; by another key or algorithm if that is asked for."""
        algorithm = headers.pop("alg", "RS256")
        whole = {"kid": KEY_ID, **headers}
        return jwt.encode(dict(claims), self.key if key is None else key, algorithm, headers=whole)

    @property
    def public_pem(self) -> bytes:
        """What everybody may know."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def granted(self, path: str, authorization: str | None) -> Mapping[str, str] | None:
        """The token of a job that asks as a runner lets it."""
        url = urlsplit(path)
        if url.path != "/token" or authorization != f"Bearer {self.request_token}":
            return None
        (audience,) = parse_qs(url.query)["audience"]
        self.asked += 1
        return {"value": self.sign({**self.job, "aud": audience})}

    def documents(self) -> Mapping[str, Any]:
        """By path."""
        jwk = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.place}/keys",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            },
            "/keys": {"keys": [{**jwk, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]},
        }


@contextmanager
def serving(url: str, certificate: Path, key: Path) -> Iterator[Issuer]:
    """An issuer that calls itself `url`, on a free port of loopback, with this certificate."""
    issuer = Issuer(url)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = issuer.documents().get(self.path) or issuer.granted(
                self.path, self.headers.get("Authorization")
            )
            body = json.dumps(found).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing of it is wanted."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    issuer.place = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


@contextmanager
def trusted(plane: ControlPlane, config: Mapping[str, Any]) -> Iterator[Issuer]:
    """The apiserver, started with this AuthenticationConfiguration, and the issuer that it believes.

    It looks for the issuer's keys on this machine, and takes it for whom the configuration names.
    """
    (entry,) = config["jwt"]
    url, root = entry["issuer"]["url"], plane.root
    with serving(url, root / "apiserver.crt", root / "apiserver.key") as issuer:
        found = {
            "discoveryURL": f"{issuer.place}/.well-known/openid-configuration",
            "certificateAuthority": plane.pem("ca.crt").decode(),
        }
        whole = {**config, "jwt": [{**entry, "issuer": {**entry["issuer"], **found}}]}
        (root / "authentication.json").write_text(json.dumps(whole))
        plane.apiserver.argv = [
            *plane.apiserver.argv,
            f"--authentication-config={root / 'authentication.json'}",
        ]
        try:
            asyncio.run(plane.start())
            yield issuer
        finally:
            plane.stop()


def at(now: dt.datetime, **changes: Any) -> dict[str, Any]:
    """The claims of a job as GitHub documents them; `changes` replace some, and None takes one away."""
    claims: dict[str, Any] = {
        "iss": "https://token.actions.githubusercontent.com",
        "aud": "kubepreview",
        "sub": "repo:acme/shop:environment:previews",
        "jti": "example-id",
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()) - 60,
        "exp": int(now.timestamp()) + 300,
        "ref": "refs/pull/7/merge",
        "sha": "a" * 40,
        "repository": "acme/shop",
        "repository_owner": "acme",
        "repository_id": "1001",
        "repository_owner_id": "2002",
        "repository_visibility": "private",
        "actor": "ann",
        "actor_id": "3003",
        "workflow": "preview",
        "workflow_ref": "acme/shop/.github/workflows/preview.yml@refs/pull/7/merge",
        "workflow_sha": "a" * 40,
        "job_workflow_ref": "acme/shop/.github/workflows/preview.yml@refs/pull/7/merge",
        "job_workflow_sha": "a" * 40,
        "event_name": "pull_request",
        "environment": "previews",
        "head_ref": "cart",
        "base_ref": "main",
        "ref_type": "branch",
        "run_id": "4004",
        "run_number": "10",
        "run_attempt": "1",
        "runner_environment": "github-hosted",
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}
