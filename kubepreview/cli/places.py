"""Where things are kept on this machine, by the XDG base directories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kubepreview.errors import InvalidInput

_OURS = "kubepreview"


def cache(environ: Mapping[str, str]) -> Path:
    """What can be made again: compiled programs, images."""
    return _base(environ, "XDG_CACHE_HOME", ".cache")


def state(environ: Mapping[str, str]) -> Path:
    """The local clusters, one directory each."""
    return _base(environ, "XDG_STATE_HOME", ".local/state")


def _base(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    given = environ.get(variable, "")
    if given.startswith("/"):  # the specification: a relative path is to be ignored
        return Path(given) / _OURS
    home = environ.get("HOME", "")
    if not home:
        raise InvalidInput(f"neither {variable} nor HOME is set", hint=f"set {variable} to an absolute path")
    return Path(home) / below_home / _OURS
