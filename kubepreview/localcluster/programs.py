"""The upstream programs of a node: which they are, how they are compiled, and where they are kept.

A set of programs lives in ``<cache>/programs/<fingerprint>/bin`` and never changes: the fingerprint is a hash
of all that goes in. It is there when its manifest is, which is written last.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import platform
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kubepreview.errors import Failed, NotFound, NotReady
from kubepreview.localcluster import preflight, toolchain
from kubepreview.localcluster.build import FLAGS, Compiler, Order
from kubepreview.localcluster.progress import Progress
from kubepreview.localcluster.toolchain import SOURCE

# What set-up installs with apt: to compile the programs, and to run a node of them.
DEBIAN_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "build": toolchain.DEBIAN_PACKAGES,
    "run": tuple(sorted({*preflight.PROGRAM_PACKAGES.values(), "libseccomp2"})),
}

_CNI = "github.com/containernetworking/plugins/plugins"
_CONTAINERD = "github.com/containerd/containerd/v2/cmd"

# The largest comes first, so that the others compile while it is linked.
_PURE_GO = Order(
    packages={
        "kubernetes": "./cmd/kubernetes",
        "etcd": "./cmd/etcd",
        "containerd": f"{_CONTAINERD}/containerd",
        "containerd-shim-runc-v2": f"{_CONTAINERD}/containerd-shim-runc-v2",
        "ctr": f"{_CONTAINERD}/ctr",
        "bridge": f"{_CNI}/main/bridge",
        "loopback": f"{_CNI}/main/loopback",
        "host-local": f"{_CNI}/ipam/host-local",
        "portmap": f"{_CNI}/meta/portmap",
        "kube-router": "./cmd/kube-router",
        "coredns": "./cmd/coredns",
        "registry": "./cmd/registry",
        "crane": "github.com/google/go-containerregistry/cmd/crane",
        "pause": "./cmd/pause",
        "publish": "./cmd/publish",
    },
    cgo=False,
)
_WITH_C = Order(packages={"runc": "github.com/opencontainers/runc"}, cgo=True)
_ORDERS = (_PURE_GO, _WITH_C)

# One file with five names; it looks at the name it is called by.
_LINKS: Mapping[str, str] = dict.fromkeys(
    ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"), "kubernetes"
)
NAMES = (*(name for order in _ORDERS for name in order.packages), *_LINKS)

# Where a program keeps the version it tells, by the module that go.mod pins.
_VERSION_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "k8s.io/kubernetes": (
        "k8s.io/component-base/version.gitVersion",
        "k8s.io/client-go/pkg/version.gitVersion",
    ),
    "github.com/containerd/containerd/v2": ("github.com/containerd/containerd/v2/version.Version",),
    "github.com/containernetworking/plugins": (
        "github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion",
    ),
    "github.com/cloudnativelabs/kube-router/v2": (
        "github.com/cloudnativelabs/kube-router/v2/pkg/version.Version",
    ),
    "github.com/distribution/distribution/v3": ("github.com/distribution/distribution/v3/version.version",),
}

_MANIFEST = "manifest.json"
# Longer than the longest build that another process may be at.
_LOCK_TIMEOUT_S = 2 * 3600
_LOCK_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Programs:
    """A complete set of programs."""

    directory: Path
    fingerprint: str

    def path(self, name: str) -> Path:
        """Where the program is."""
        if name not in NAMES:
            raise NotFound(f"no program {name!r} in {self.directory}; there are {', '.join(NAMES)}")
        return self.directory / name


async def ensure(cache: Path, report: Callable[[Progress], None]) -> Programs:
    """Return the programs; compile them first where the cache has them not. Running it twice is free."""
    go = await toolchain.find(cache)
    name = fingerprint(SOURCE, go.version if go else toolchain.wheel_version(), platform.machine())
    home = cache / "programs" / name
    programs = Programs(home / "bin", name)
    if is_complete(home):
        return programs
    async with _lock(cache / "programs" / "lock", report) as lock:
        if is_complete(home):
            return programs
        await toolchain.require_c_compiler()
        compiler = Compiler(
            go=go or await toolchain.install(cache, report),
            go_cache=cache / "go-build",
            source=SOURCE,
            variables=versions((SOURCE / "go.mod").read_text()),
            lock=lock,
            report=report,
        )
        await _fill(home, compiler)
    return programs


def fingerprint(source: Path, go_version: str, machine: str) -> str:
    """Hash all that goes into the programs."""
    everything = hashlib.sha256()
    for part in (go_version, machine, *FLAGS, repr(_ORDERS), repr(_LINKS), repr(_VERSION_VARIABLES)):
        everything.update(f"{part}\n".encode())
    for path in sorted((*source.glob("go.*"), *source.glob("cmd/**/*.go"))):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        everything.update(f"{path.relative_to(source).as_posix()} {content}\n".encode())
    return everything.hexdigest()[:16]


def versions(go_mod: str) -> Mapping[str, str]:
    """The versions that go.mod pins, as values of the linker."""
    values: dict[str, str] = {}
    for module, names in _VERSION_VARIABLES.items():
        pinned = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
        if pinned is None:
            raise Failed(f"this installation of kubepreview is damaged: go.mod does not pin {module}")
        values |= dict.fromkeys(names, pinned[1])
    major, minor, _ = values["k8s.io/component-base/version.gitVersion"].removeprefix("v").split(".", 2)
    about = {"gitMajor": major, "gitMinor": minor, "gitTreeState": "clean", "gitCommit": "unknown"}
    return values | {f"k8s.io/component-base/version.{name}": value for name, value in about.items()}


async def _fill(home: Path, compiler: Compiler) -> None:
    """Compile into `home`, and write the manifest when all is there."""
    directory = home / "bin"
    directory.mkdir(parents=True, exist_ok=True)
    await compiler.build(_ORDERS, directory)
    for name, target in _LINKS.items():
        link = directory / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    mark_complete(home)


def mark_complete(home: Path) -> None:
    """Write the manifest of a set of programs, after all else."""
    sizes = _sizes(home / "bin")
    missing = [name for name in NAMES if name not in sizes]
    if missing:
        raise Failed(f"the build ended well and left no {', '.join(missing)} in {home / 'bin'}")
    unfinished = home / f"{_MANIFEST}.unfinished"
    unfinished.write_text(json.dumps(sizes, indent=2) + "\n")
    unfinished.rename(home / _MANIFEST)


def is_complete(home: Path) -> bool:
    """Whether the manifest is there, and each program is as long as it says."""
    manifest = home / _MANIFEST
    return manifest.exists() and manifest.read_text() == json.dumps(_sizes(home / "bin"), indent=2) + "\n"


def _sizes(directory: Path) -> Mapping[str, int]:
    paths = {name: directory / name for name in NAMES}
    return {name: path.stat().st_size for name, path in paths.items() if path.exists()}


@asynccontextmanager
async def _lock(path: Path, report: Callable[[Progress], None]) -> AsyncIterator[int]:
    """Hold the one lock of all builds. The kernel drops it with the last process that has it open."""
    began = time.monotonic()
    with _open(path) as file:
        while not _is_taken(file.fileno()):
            elapsed_s = time.monotonic() - began
            if elapsed_s > _LOCK_TIMEOUT_S:
                raise NotReady(f"another build held {path} for {elapsed_s:.0f} s, and still does")
            report(Progress(step="waiting for another build", elapsed_s=elapsed_s))
            await asyncio.sleep(_LOCK_POLL_S)
        yield file.fileno()


def _open(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w")
    except OSError as error:
        raise Failed(
            f"writing {path}: {error.strerror}", hint="XDG_CACHE_HOME chooses another place for the cache"
        ) from error


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
