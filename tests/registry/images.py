"""Pushing an image by the distribution protocol: what tests ask for must first be there."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx2

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = b"{}"


@dataclass(frozen=True, slots=True)
class Pusher:
    """A registry that takes pushes from anybody."""

    host: str

    @classmethod
    def when_ready(cls, host: str, process: subprocess.Popen[bytes], log: Path) -> Pusher:
        """Once it answers; a registry that ends instead is told with its log."""
        with httpx2.Client() as client:
            # Each try waits for the answer, or fails at once; 500 of them are ten seconds.
            for _ in range(500):
                try:
                    client.get(f"http://{host}/v2/")
                except httpx2.TransportError:
                    _check(process, log)
                else:
                    return cls(host)
        raise AssertionError(f"the registry does not answer: {log.read_text()}")

    def push(self, repository: str, tag: str, content: str = "x") -> str:
        """An image of no layers; its digest. Another content is another image."""
        base = f"http://{self.host}/v2/{repository}"
        with httpx2.Client() as client:
            started = client.post(f"{base}/blobs/uploads/")
            digest = f"sha256:{hashlib.sha256(_CONFIG).hexdigest()}"
            upload = httpx2.URL(started.headers["location"]).copy_merge_params({"digest": digest})
            client.put(upload, content=_CONFIG).raise_for_status()
            config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": 2}
            manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": []}
            body = json.dumps({**manifest, "annotations": {"content": content}}).encode()
            put = client.put(f"{base}/manifests/{tag}", content=body, headers={"Content-Type": _MANIFEST})
            put.raise_for_status()
        return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _check(process: subprocess.Popen[bytes], log: Path) -> None:
    try:
        code = process.wait(0.02)
    except subprocess.TimeoutExpired:
        return
    raise AssertionError(f"the registry ended with {code}: {log.read_text()}")
