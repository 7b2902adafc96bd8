"""Programs that run inside of containers and network namespaces: each one file, which needs only Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

# By a name: protocol, address, port.
Places: TypeAlias = Mapping[str, tuple[str, str, int]]

# What answers at all here does so within milliseconds. Shorter is for what is tried again and again.
_PATIENCE_S: Final = 1.5
_SHORT_S: Final = 0.3


def program(name: str) -> str:
    """The text of one of them, for `python3 -c`."""
    return Path(__file__).with_name(f"{name}.py").read_text()


def probing(places: Places, *, seconds: float = 0) -> tuple[str, ...]:
    """The arguments of a Python that tries these places, once or for so long (`probe.py`)."""
    patience_s = _SHORT_S if seconds else _PATIENCE_S
    return ("-c", program("probe"), str(seconds), str(patience_s), json.dumps(places))
