"""Nodes that only seem to be there, for what the scheduler decides: kwok keeps them and their pods alive.

Compiled from `kwok/go.mod`, by `python -m tests.cluster.walls.kwok_nodes` before the tests or by the first of
them, and kept beside the programs of the local cluster.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kubepreview.cli import places
from kubepreview.localcluster import toolchain
from kubepreview.localcluster.build import Compiler, Order
from kubepreview.localcluster.cluster import RunningCluster
from tests.cluster.machine import apply, kubectl, run

_SOURCE: Final = Path(__file__).with_name("kwok")
_FAKE: Final = {"kubepreview.dev/fake": "true"}
_SELECTOR: Final = ",".join(f"{key}={value}" for key, value in _FAKE.items())
# What becomes of nodes and pods, and when: kwok's own, from its module.
_STAGES: Final = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-delete.yaml",
)


def built(cache: Path) -> Path:
    """The folder of the program and its stages; compiled once for each version of it and of Go."""
    go = asyncio.run(_go(cache))
    pinned = b"".join((_SOURCE / name).read_bytes() for name in ("go.mod", "go.sum"))
    digest = hashlib.sha256(pinned + f"{go.version}{_STAGES}".encode()).hexdigest()
    home = cache / "programs" / f"kwok-{digest[:16]}"
    if not home.exists():
        sys.stdout.write("compiling kwok, which plays nodes for the tests …\n")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory(dir=cache / "programs") as folder:
            _build(go, cache / "go-build", Path(folder) / "kwok")
            (Path(folder) / "kwok").rename(home)
    return home


async def _go(cache: Path) -> toolchain.Go:
    return await toolchain.find(cache) or await toolchain.install(cache, lambda _progress: None)


def _build(go: toolchain.Go, go_cache: Path, into: Path) -> None:
    into.mkdir()
    compiler = Compiler(
        go=go, go_cache=go_cache, source=_SOURCE, variables={}, lock=0, report=lambda _progress: None
    )
    order = Order(packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"}, cgo=False)
    asyncio.run(compiler.build([order], into))
    module = run(str(go.program), "-C", str(_SOURCE), "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok")
    for stage in _STAGES:
        shutil.copy(Path(module.strip(), "kustomize", "stage", stage), into)


@contextmanager
def seeming(running: RunningCluster, home: Path, count: int, **capacity: str) -> Iterator[None]:
    """So many nodes of this capacity; no other node takes new pods meanwhile."""
    real = kubectl(running, "get", "nodes", "-o", "name").split()
    log = running.kubeconfig.parent / "logs" / "kwok.log"
    stages = [f"--config={home / Path(stage).name}" for stage in _STAGES]
    selected = (f"--manage-nodes-with-label-selector={_SELECTOR}", "--node-lease-duration-seconds=40")
    command = (str(home / "kwok"), f"--kubeconfig={running.kubeconfig}", *selected, *stages)
    with log.open("w") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:  # noqa: S603 — our own words
        try:
            for node in real:
                kubectl(running, "cordon", node)
            apply(running, *(_node(f"seeming-{number}", capacity) for number in range(count)))
            kubectl(running, "wait", "nodes", f"-l={_SELECTOR}", "--for=condition=Ready", "--timeout=50s")
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


if __name__ == "__main__":
    built(places.cache(os.environ))  # noqa: TID251 — an entry point
