"""The system images: OCI archives that are whole, of one program each, and the same every time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from kubepreview.localcluster import images
from kubepreview.localcluster.programs import Programs


def _blob(archive: tarfile.TarFile, descriptor: dict[str, Any]) -> bytes:
    """What the descriptor refers to, when digest and size are true."""
    file = archive.extractfile(f"blobs/{descriptor['digest'].replace(':', '/')}")
    assert file is not None
    content = file.read()
    assert hashlib.sha256(content).hexdigest() == descriptor["digest"].removeprefix("sha256:")
    assert len(content) == descriptor["size"]
    return content


def test_the_same_program_gives_the_same_bytes(tmp_path: Path) -> None:
    """A second start finds the image it has, by its digest."""
    written = []
    for folder in ("a", "b"):
        program = tmp_path / folder / "pause"
        program.parent.mkdir()
        program.write_bytes(b"\x7fELF of pause")
        into = io.BytesIO()
        images.write_archive(images.SystemImage("pause", "1", program), into)
        written.append(into.getvalue())

    assert written[0] == written[1]


def test_an_archive_is_whole_from_its_index_to_its_program(tmp_path: Path) -> None:
    """Index, manifest, configuration and layer refer to each other by true digests."""
    (tmp_path / "coredns").write_bytes(b"\x7fELF of coredns")
    into = io.BytesIO()
    images.write_archive(images.SystemImage("coredns", "1.15.0", tmp_path / "coredns"), into)
    into.seek(0)
    with tarfile.open(fileobj=into) as archive:
        index = archive.extractfile("index.json")
        assert index is not None
        (entry,) = json.load(index)["manifests"]
        manifest = json.loads(_blob(archive, entry))
        config = json.loads(_blob(archive, manifest["config"]))
        (layer,) = manifest["layers"]
        content = _blob(archive, layer)

    assert entry["annotations"]["io.containerd.image.name"] == "kubepreview.local/coredns:1.15.0"
    assert config["rootfs"]["diff_ids"] == [layer["digest"]]
    assert config["config"]["Entrypoint"] == ["/coredns"]
    user, _, group = config["config"]["User"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        (member,) = tar.getmembers()
        program = tar.extractfile(member)
        assert program is not None
        assert program.read() == b"\x7fELF of coredns"
    assert (member.name, member.mode, member.uid, member.mtime) == ("coredns", 0o755, 0, 0)


def test_each_image_is_written_once_and_known_by_its_reference(tmp_path: Path) -> None:
    """A second call finds the archives; another set of programs gives other references."""
    for name in ("pause", "coredns"):
        (tmp_path / name).write_bytes(name.encode())
    first = images.system_images(Programs(tmp_path, "abc"), tmp_path / "cache")
    before = {path: path.stat().st_mtime_ns for path in first.values()}
    again = images.system_images(Programs(tmp_path, "abc"), tmp_path / "cache")
    called = images.references(Programs(tmp_path, "abc"))

    assert again == first
    assert before == {path: path.stat().st_mtime_ns for path in again.values()}
    assert set(first) == {called.pause, called.coredns, called.traefik}
    assert images.references(Programs(tmp_path, "xyz")).pause != called.pause
