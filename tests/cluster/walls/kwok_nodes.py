"""Nodes that only seem to be there, for what the scheduler decides: kwok keeps them and their pods alive.

Compiled from `kwok/go.mod` when it is asked for, and kept beside the programs of the local cluster.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kubepreview.localcluster import toolchain
from kubepreview.localcluster.build import Compiler, Order
from kubepreview.localcluster.cluster import RunningCluster
from tests.cluster.machine import apply, kubectl

_SOURCE: Final = Path(__file__).with_name("kwok")
_FAKE: Final = {"kubepreview.dev/fake": "true"}
_SELECTOR: Final = ",".join(f"{key}={value}" for key, value in _FAKE.items())


async def built(cache: Path) -> Path:
    """The program; compiled once for each version of it and of Go."""
    go = await toolchain.find(cache) or await toolchain.install(cache, lambda _progress: None)
    pinned = b"".join((_SOURCE / name).read_bytes() for name in ("go.mod", "go.sum")) + go.version.encode()
    program = cache / "programs" / f"kwok-{hashlib.sha256(pinned).hexdigest()[:16]}"
    if not program.exists():
        with tempfile.TemporaryDirectory(dir=cache / "programs") as folder:
            compiler = Compiler(
                go=go,
                go_cache=cache / "go-build",
                source=_SOURCE,
                variables={},
                lock=0,
                report=lambda _progress: None,
            )
            order = Order(packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"}, cgo=False)
            await compiler.build([order], Path(folder))
            (Path(folder) / "kwok").rename(program)
    return program


@contextmanager
def seeming(running: RunningCluster, program: Path, count: int, **capacity: str) -> Iterator[None]:
    """So many nodes of this capacity; no other node takes new pods meanwhile."""
    real = kubectl(running, "get", "nodes", "-o", "name").split()
    log = running.kubeconfig.parent / "logs" / "kwok.log"
    flags = (f"--kubeconfig={running.kubeconfig}", f"--manage-nodes-with-label-selector={_SELECTOR}")
    with log.open("w") as said, subprocess.Popen((program, *flags), stdout=said, stderr=said) as process:  # noqa: S603 — our own words
        try:
            for node in real:
                kubectl(running, "cordon", node)
            apply(running, *(_node(f"seeming-{number}", capacity) for number in range(count)))
            kubectl(running, "wait", "nodes", f"-l={_SELECTOR}", "--for=condition=Ready", "--timeout=60s")
            yield
        finally:
            kubectl(running, "delete", "nodes", f"-l={_SELECTOR}")
            for node in real:
                kubectl(running, "uncordon", node)
            process.terminate()


def _node(name: str, capacity: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {**_FAKE, "kubernetes.io/hostname": name}},
        "status": {"capacity": capacity, "allocatable": capacity},
    }
