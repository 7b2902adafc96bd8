"""The node's own cgroup in every hierarchy: made, filled, and taken away with all that runs in it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from kubepreview.errors import Failed

# Where the node's own programs run; pods are beside it. On v2 a cgroup with children holds no process.
_PROGRAMS = "node"
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")
# Among the mount options of a v1 tree, those that name what it controls; a v2 tree tells in a file.
_V1_CONTROLLERS = frozenset({"blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids"})
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted tree of cgroups."""

    path: Path
    v2: bool
    controllers: frozenset[str]


def hierarchies(mounts: str) -> tuple[Hierarchy, ...]:
    """Read from the text of /proc/mounts: v1 gives one a controller, v2 one for all, hybrid both."""
    found: dict[str, Hierarchy] = {}
    for line in mounts.splitlines():
        _, path, kind, options, *_ = line.split()
        if kind in ("cgroup", "cgroup2"):
            found[path] = Hierarchy(Path(path), kind == "cgroup2", _V1_CONTROLLERS & set(options.split(",")))
    return tuple(found[path] for path in sorted(found))


def is_v2_only(trees: Iterable[Hierarchy]) -> bool:
    """Whether limits are kept by v2. In a hybrid the controllers are v1's, and the v2 tree has none."""
    return all(tree.v2 for tree in trees)


def directories(trees: Iterable[Hierarchy], cgroup: str) -> tuple[Path, ...]:
    """The node's own cgroup in each tree."""
    return tuple(tree.path / cgroup for tree in trees)


def enabling(tree: Hierarchy, cgroup: str) -> tuple[tuple[Path, str], ...]:
    """What to write on v2 so that the controllers reach the pods: (file, text), in order."""
    if not tree.v2:
        return ()
    return tuple(
        (parent / "cgroup.subtree_control", f"+{controller}")
        for parent in (tree.path, tree.path / cgroup)
        for controller in _V2_CONTROLLERS
    )


def create(trees: tuple[Hierarchy, ...], cgroup: str) -> None:
    """Make the cgroup in each tree, ready for a kubelet to make more below it."""
    alone = is_v2_only(trees)
    for tree in trees:
        directory = tree.path / cgroup
        directory.mkdir(exist_ok=True)
        if "cpuset" in tree.controllers:
            # v1 starts a cpuset empty, and an empty one takes no process.
            for file in ("cpuset.cpus", "cpuset.mems"):
                (directory / file).write_text((tree.path / file).read_text())
        if alone:
            for switch, text in enabling(tree, cgroup):
                _write(switch, text)
        programs = directory / _PROGRAMS
        programs.mkdir(exist_ok=True)
        if "cpuset" in tree.controllers:
            for file in ("cpuset.cpus", "cpuset.mems"):
                (programs / file).write_text((directory / file).read_text())


def enter(trees: tuple[Hierarchy, ...], cgroup: str) -> None:
    """Move this process in; what it starts is born there."""
    for tree in trees:
        _write(tree.path / cgroup / _PROGRAMS / "cgroup.procs", "0")


def processes(trees: tuple[Hierarchy, ...], cgroup: str) -> frozenset[int]:
    """Every process of the node, its pods' included, as seen from where this runs."""
    pids: set[int] = set()
    for directory in _tree_directories(trees, cgroup):
        with contextlib.suppress(FileNotFoundError), (directory / "cgroup.procs").open() as members:
            pids |= pids_in(members)
    # 0 stands for a process outside of our own namespace.
    return frozenset(pids - {0})


def pids_in(members: TextIO) -> frozenset[int]:
    """What a `cgroup.procs` lists; nothing when its cgroup was removed after it was opened."""
    try:
        return frozenset(map(int, members.read().split()))
    except OSError as error:
        if error.errno == errno.ENODEV:
            return frozenset()
        raise


async def kill(trees: tuple[Hierarchy, ...], cgroup: str, timeout_s: float) -> None:
    """End every process of the node, and wait until the last is gone."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while left := processes(trees, cgroup):
        if asyncio.get_running_loop().time() > deadline:
            raise Failed(f"processes of {cgroup} do not end {timeout_s:g} s after SIGKILL: {sorted(left)}")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(_POLL_S)


async def remove(trees: tuple[Hierarchy, ...], cgroup: str, timeout_s: float) -> None:
    """Take the cgroups away, innermost first. One may stay busy for a moment after its last process."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while left := list(_tree_directories(trees, cgroup)):
        blocked = [error for directory in left if (error := _rmdir(directory))]
        if blocked and asyncio.get_running_loop().time() > deadline:
            raise Failed(f"cgroups stay busy after {timeout_s:g} s: {blocked[0]}")
        if blocked:
            await asyncio.sleep(_POLL_S)


def _tree_directories(trees: tuple[Hierarchy, ...], cgroup: str) -> Iterator[Path]:
    for top in directories(trees, cgroup):
        for path, _, _ in os.walk(top, topdown=False):
            yield Path(path)


def _rmdir(directory: Path) -> str:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{directory}: {error.strerror}"
    return ""


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise Failed(f"cannot write {text!r} to {file}: {error.strerror}") from error
