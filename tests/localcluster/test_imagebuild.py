"""Images built by the real buildah, and pushed to a registry that keeps what it is given."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kubepreview.errors import Failed
from kubepreview.localcluster import imagebuild

DOCKERFILE = "ARG BASE=scratch\nFROM ${BASE}\nCOPY . /files\nARG REVISION=none\nENV REVISION=${REVISION}\n"


class Registry(ThreadingHTTPServer):
    """As much of the distribution protocol as a push needs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.uploads: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}

    def config(self, digest: str) -> dict[str, Any]:
        """The configuration of an image, by the digest of its manifest."""
        manifest = json.loads(self.manifests[digest])
        config: dict[str, Any] = json.loads(self.blobs[manifest["config"]["digest"]])
        return config


class _Requests(BaseHTTPRequestHandler):
    server: Registry
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        blob = self.server.blobs.get(self._name)
        self._answer(404 if blob is None else 200, Content_Length=str(len(blob or b"")))

    def do_POST(self) -> None:
        upload = uuid.uuid4().hex
        self.server.uploads[upload] = self._body()
        self._answer(202, Location=f"{self.path.rstrip('/')}/{upload}")

    def do_PATCH(self) -> None:
        self.server.uploads[self._name] += self._body()
        self._answer(202, Location=self.path)

    def do_PUT(self) -> None:
        body = self._body()
        name = self._name
        if "/manifests/" in self.path:
            self.server.manifests[_digest(body)] = body
        else:
            body = self.server.uploads.pop(name) + body
            self.server.blobs[_digest(body)] = body
        self._answer(201, Location=self.path)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
        """Say nothing."""

    @property
    def _name(self) -> str:
        return self.path.partition("?")[0].rsplit("/", 1)[-1]

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": "0", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.fixture(name="registry")
def _registry() -> Iterator[Registry]:
    with Registry() as registry:
        thread = threading.Thread(target=registry.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield registry
        registry.shutdown()
        thread.join()


@pytest.fixture(name="context")
def _context(tmp_path: Path) -> Path:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / "file").write_text("content")
    return context


def build(context: Path, registry: Registry, **build_args: str) -> str:
    """Build and push; the digest."""
    return imagebuild.build_and_push(
        context,
        dockerfile=context / "Dockerfile",
        build_args=build_args,
        reference=f"127.0.0.1:{registry.server_port}/app:pr-1",
        storage=context.parent / "storage",
    )


def test_the_digest_is_that_of_what_was_pushed(context: Path, registry: Registry) -> None:
    """The registry holds the image under the digest that is returned, with its build argument inside."""
    digest = build(context, registry, REVISION="abc")

    assert "REVISION=abc" in registry.config(digest)["config"]["Env"]


def test_the_same_input_gives_the_same_digest_and_another_another(context: Path, registry: Registry) -> None:
    """A build argument that changes is never taken from a cache; one that does not changes nothing."""
    first, second, again = (build(context, registry, REVISION=name) for name in ("a", "b", "a"))

    assert first == again != second
    assert "REVISION=b" in registry.config(second)["config"]["Env"]


def test_what_is_ignored_is_not_in_the_image(context: Path, registry: Registry) -> None:
    """Dockerfile.dockerignore beside the Dockerfile holds, so that leftovers do not change the digest."""
    (context / "Dockerfile.dockerignore").write_text("*\n!file\n")
    before = build(context, registry)
    (context / "leftover").write_text("of this machine")

    assert build(context, registry) == before


def test_nothing_is_left_behind(context: Path, registry: Registry) -> None:
    """What buildah mounts ends with it, and an image that was pushed no longer takes room in the storage."""
    build(context, registry)

    assert str(context.parent) not in Path("/proc/self/mounts").read_text()
    (index,) = (context.parent / "storage" / "layers").glob("*-images/images.json")
    assert json.loads(index.read_text()) == []


def test_a_base_that_is_not_there_is_not_pulled(context: Path, registry: Registry) -> None:
    """The failure names the image and carries buildah's own words."""
    with pytest.raises(Failed, match=r"(?s)build 127\.0\.0\.1.*exit code 125.*localhost/none"):
        build(context, registry, BASE="localhost/none:1")


def test_a_failing_build_step_is_told(context: Path, registry: Registry) -> None:
    """The last lines of the build are in the message."""
    (context / "Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")

    with pytest.raises(Failed, match="nothing"):
        build(context, registry)


def test_wheels_are_unpacked_once(tmp_path: Path) -> None:
    """A folder of the cache holds the pinned wheels; the same requirements find it, others have theirs."""
    requirements = tmp_path / "requirements.txt"
    pinned = "h11==0.16.0 --hash=sha256:{}\n"
    requirements.write_text(pinned.format("63cf8bbe7522de3bf65932fda1d9c2772064ffb3dae62d55932da54b31cb6c86"))
    site = imagebuild.unpacked_wheels(requirements, tmp_path)
    assert (site / "h11" / "__init__.py").exists()
    (site / "mark").touch()

    assert imagebuild.unpacked_wheels(requirements, tmp_path) == site
    assert (site / "mark").exists()
    requirements.write_text(requirements.read_text() + "# others\n")
    assert imagebuild.unpacked_wheels(requirements, tmp_path) != site


def test_a_wheel_of_another_hash_is_refused(tmp_path: Path) -> None:
    """A package that is not the one that was pinned is not unpacked, now or the next time."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"h11==0.16.0 --hash=sha256:{'0' * 64}\n")

    for _ in range(2):
        with pytest.raises(Failed, match=r"(?s)unpack the wheels.*[Hh]ash"):
            imagebuild.unpacked_wheels(requirements, tmp_path)
