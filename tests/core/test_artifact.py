"""The artifact of a commit: what is packed comes back, and nothing else is taken for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kubepreview.core import artifact
from kubepreview.core.artifact import Bundle
from kubepreview.core.model import Entry

_SHA = "a" * 40
_WEB = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
_BUNDLE = Bundle(sha=_SHA, entry=Entry(service="web", port=80), manifests=(_WEB,))


def _packed(bundle: Bundle = _BUNDLE) -> tuple[dict[str, Any], bytes]:
    packed = artifact.pack(bundle)
    return json.loads(packed.manifest), packed.blobs[1]


def test_what_is_packed_comes_back() -> None:
    """And the same bundle is the same bytes."""
    packed = artifact.pack(_BUNDLE)
    layer = artifact.read_manifest(packed.manifest)
    assert artifact.unpack(layer, packed.blobs[1], _SHA) == _BUNDLE
    assert artifact.pack(_BUNDLE) == packed


def test_it_is_as_the_specification_describes_an_artifact() -> None:
    """Image manifest, artifactType, the empty configuration; every blob by digest and size."""
    manifest, layer = _packed()
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["artifactType"] == "application/vnd.kubepreview.manifests.v1"
    empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert manifest["config"] == {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": empty,
        "size": 2,
    }
    assert manifest["layers"][0]["size"] == len(layer)
    assert manifest["annotations"] == {"org.opencontainers.image.revision": _SHA}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.update(artifactType="application/vnd.other"), "application/vnd.other, and not"),
        (lambda one: one.pop("artifactType"), "it is an image, and not"),
        (lambda one: one["layers"].clear(), "not one layer"),
        (lambda one: one["layers"].append(one["layers"][0]), "not one layer"),
        (lambda one: one["layers"][0].update(mediaType="text/plain"), "not one layer"),
        (lambda one: one["layers"][0].update(size=artifact.MAX_LAYER_BYTES + 1), "at most"),
        (lambda one: one["layers"][0].update(digest="sha256:../../x"), "its manifest is none"),
        (lambda one: one["layers"][0].update(size=-1), "its manifest is none"),
        (lambda one: one.pop("config"), "its manifest is none"),
    ],
)
def test_another_manifest_is_not_taken(change: Callable[[dict[str, Any]], object], words: str) -> None:
    """And the reason says what it is instead."""
    manifest, _ = _packed()
    change(manifest)
    with pytest.raises(ValueError, match=words):
        artifact.read_manifest(json.dumps(manifest).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"layers":' + b"[" * 100_000])
def test_what_is_no_manifest_is_told(body: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(ValueError, match="its manifest is none"):
        artifact.read_manifest(body)


def _unpack(body: bytes, sha: str = _SHA) -> Bundle:
    layer = artifact.Blob(media_type="x", digest=artifact.digest_of(body), size=len(body))
    return artifact.unpack(layer, body, sha)


def test_other_bytes_than_the_manifest_says_are_refused() -> None:
    """Of the same length, or of another."""
    packed = artifact.pack(_BUNDLE)
    layer, body = artifact.read_manifest(packed.manifest), packed.blobs[1]
    for other in (body.replace(b"web", b"wob"), body + b" ", body[:-1], b""):
        with pytest.raises(ValueError, match="its layer is not sha256:"):
            artifact.unpack(layer, other, _SHA)


def test_another_commits_is_refused() -> None:
    """Under whatever name it was published."""
    body = artifact.pack(_BUNDLE).blobs[1]
    with pytest.raises(ValueError, match=f"it is of {_SHA}, and not of {'b' * 40}"):
        _unpack(body, "b" * 40)


@pytest.mark.parametrize(
    "change",
    [
        {"manifests": []},
        {"manifests": [[]]},
        {"manifests": [_WEB] * 101},
        {"manifests": [{**_WEB, "metadata": "web"}]},
        {"manifests": [{**_WEB, "kind": 7}]},
        {"entry": {}},
        {"entry": {"service": "web", "port": 80, "path": "no"}},
        {"sha": "main"},
    ],
)
def test_what_is_no_bundle_is_refused(change: dict[str, Any]) -> None:
    """One thing is wrong with each."""
    body = json.loads(artifact.pack(_BUNDLE).blobs[1])
    with pytest.raises(ValueError, match=r"its layer holds no manifests|has no apiVersion"):
        _unpack(json.dumps(body | change).encode())
