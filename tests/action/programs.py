"""Programs that read and run workflows, built from Go modules that are pinned beside this file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from kubepreview.cli import places
from kubepreview.localcluster import command, toolchain

_SOURCE: Final = Path(__file__).with_name("go")
_ACTIONLINT: Final = "github.com/rhysd/actionlint/cmd/actionlint"
_ACT: Final = "github.com/nektos/act"
_TIMEOUT_S: Final = 600


async def actionlint() -> Path:
    """The linter of workflows, built the first time."""
    return await _built(_ACTIONLINT)


async def act() -> Path:
    """The runner of workflows, built the first time, which takes a minute or two."""
    return await _built(_ACT)


async def _built(package: str) -> Path:
    cache = places.cache(os.environ)  # noqa: TID251 - an entry point
    go = await toolchain.find(cache) or await toolchain.install(cache, lambda _: None)
    pinned = hashlib.sha256((_SOURCE / "go.sum").read_bytes() + go.version.encode()).hexdigest()[:16]
    program = cache / "linters" / pinned / package.rpartition("/")[2]
    if not program.exists():
        into = ("env", "-C", str(_SOURCE), "GOTOOLCHAIN=local", "GOFLAGS=-mod=readonly")
        done = await command.run(
            [*into, str(go.program), "build", "-o", str(program), package], timeout_s=_TIMEOUT_S
        )
        done.or_fail(f"building {package}")
    return program
