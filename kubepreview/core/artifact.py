"""What continuous integration publishes of a commit for a controller to take: one OCI artifact.

It is an image manifest of the OCI image specification 1.1 with an `artifactType`, the empty configuration,
and one layer: a Bundle as JSON. Everything in it is addressed by digest, and what does not fit its digest is
refused. The words of ValueError are for people: they say what the artifact is instead.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from kubepreview.core import kinds
from kubepreview.core.model import Entry
from kubepreview.core.wire import EmbeddedObject, Sha, Wire

TYPE: Final = "application/vnd.kubepreview.manifests.v1"
LAYER_TYPE: Final = f"{TYPE}+json"
MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
EMPTY: Final = b"{}"
"""The configuration of an artifact that has none, as the specification writes it."""

# A Preview holds 512 KiB of manifests; anything that is more than twice that is none.
MAX_LAYER_BYTES: Final = 1024 * 1024
# Stands for the preview's host until the cluster, which knows it, puts that in its place (RFC 6761).
HOST: Final = "preview-host.kubepreview.invalid"

Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]


class Bundle(Wire, frozen=True, kw_only=True):
    """The manifests of one commit. Whose preview it becomes, and at which host, the cluster decides."""

    sha: Sha
    entry: Entry
    manifests: Annotated[tuple[EmbeddedObject, ...], Meta(min_length=1, max_length=100)]


class Blob(Wire, frozen=True, kw_only=True):
    """A descriptor: what a blob is, and how it is known."""

    media_type: str
    digest: Digest
    size: Annotated[int, Meta(ge=0)]


class _Manifest(Wire, frozen=True, kw_only=True):
    artifact_type: str = ""
    config: Blob
    layers: tuple[Blob, ...]


class Packed(Struct, frozen=True):
    """The bytes to push: the manifest, and the blobs that it names."""

    manifest: bytes
    blobs: tuple[bytes, ...]


def digest_of(body: bytes) -> str:
    """How these bytes are addressed."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def pack(bundle: Bundle) -> Packed:
    """The artifact of a bundle; the same bundle is the same bytes."""
    layer = msgspec.json.encode(bundle, order="sorted")
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": TYPE,
        "config": _blob(EMPTY_TYPE, EMPTY),
        "layers": [_blob(LAYER_TYPE, layer)],
        "annotations": {"org.opencontainers.image.revision": bundle.sha},
    }
    return Packed(msgspec.json.encode(manifest), (EMPTY, layer))


def read_manifest(body: bytes) -> Blob:
    """The layer that the bundle lies in. Raises ValueError for any other artifact."""
    try:
        manifest = msgspec.json.decode(body, type=_Manifest)
    except ValueError as error:
        raise ValueError(f"its manifest is none: {error}") from error
    if manifest.artifact_type != TYPE:
        raise ValueError(f"it is {manifest.artifact_type or 'an image'}, and not {TYPE}")
    if [each.media_type for each in manifest.layers] != [LAYER_TYPE]:
        raise ValueError(f"it has not one layer, of type {LAYER_TYPE}")
    (layer,) = manifest.layers
    if layer.size > MAX_LAYER_BYTES:
        raise ValueError(f"its manifests are {layer.size} bytes; at most {MAX_LAYER_BYTES} are taken")
    return layer


def unpack(layer: Blob, body: bytes, sha: str) -> Bundle:
    """The bundle of this commit. Raises ValueError for other bytes, another commit, or no bundle."""
    if len(body) != layer.size or digest_of(body) != layer.digest:
        raise ValueError(f"its layer is not {layer.digest} of {layer.size} bytes, as its manifest says")
    try:
        bundle = msgspec.json.decode(body, type=Bundle)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its layer holds no manifests: {error}") from error
    if bundle.sha != sha:
        raise ValueError(f"it is of {bundle.sha}, and not of {sha}")
    for index, obj in enumerate(bundle.manifests):
        if not kinds.is_named(obj):
            raise ValueError(f"manifests[{index}] has no apiVersion, kind or metadata.name")
    return bundle


def _blob(media_type: str, body: bytes) -> dict[str, str | int]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}
