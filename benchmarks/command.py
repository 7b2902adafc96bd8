"""The contestant: `kubepreview` as a process of its own, the way it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.team import PROJECT, Team
from tests.commands import environment

_UNSET = "PYTHONDONTWRITEBYTECODE"
KUBEPREVIEW = (sys.executable, "-m", "kubepreview")


def as_installed(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment in which byte code is kept between runs, as it is for whatever pip has installed."""
    return {name: value for name, value in environ.items() if name != _UNSET}


def up(team: Team, number: int, root: Path, commit: str) -> None:
    """`kubepreview up`, until Ready."""
    _run(team, "up", str(number), f"--root={root}", f"--sha={commit}")


def down(team: Team, number: int) -> None:
    """`kubepreview down`, until everything is seen gone."""
    _run(team, "down", str(number), f"--project={PROJECT}")


def environ() -> dict[str, str]:
    """This process's own environment, for a command that needs no cluster."""
    return as_installed(os.environ)  # noqa: TID251 - an entry point reads it


def _run(team: Team, *argv: str) -> None:
    subprocess.run(  # noqa: S603 - an argument list of ours, without a shell
        [*KUBEPREVIEW, *argv],
        check=True,
        capture_output=True,
        cwd=team.folder,
        env=as_installed(environment(team.cluster.kubeconfig)),
    )
