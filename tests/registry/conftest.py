"""A real registry, empty and on loopback, for the tests of this room."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubepreview.localcluster import programs

from .images import Pusher

_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pusher]:
    """The upstream registry of the local cluster; the first run compiles it."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251 - entry point of tests
    built = asyncio.run(programs.ensure(Path(home) / "kubepreview", lambda _progress: None))
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    (folder / "config.yaml").write_text(_CONFIG.format(root=folder / "data", port=port))
    command = [str(built.path("registry")), "serve", str(folder / "config.yaml")]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,  # noqa: S603 - a program we built
    ):
        try:
            yield Pusher.when_ready(f"127.0.0.1:{port}", process, folder / "log")
        finally:
            process.kill()
