"""The commit that this very kubepreview is of, as a workflow pins it."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from kubepreview.core.wire import is_sha

_ROOT: Final = Path(__file__).parents[2]
_GIT_TIMEOUT_S: Final = 10


def find() -> str:
    """Its full SHA: of the checkout it runs from, or that pip installed; empty where none is known."""
    found = _of_checkout() if (_ROOT / ".git").exists() else _of_installation()
    return found if is_sha(found) else ""


def _of_checkout() -> str:
    command = ["git", "-C", str(_ROOT), "rev-parse", "--verify", "HEAD"]
    try:
        done = subprocess.run(  # noqa: S603 — an argument list of ours, without a shell
            command, check=False, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _of_installation() -> str:
    """PEP 610: what `pip install git+https://…` leaves beside the package."""
    try:
        told = json.loads(distribution("kubepreview").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return ""
    found: str = told.get("vcs_info", {}).get("commit_id", "")
    return found
