"""What a command is given by the process it runs in, instead of reaching for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from kubepreview.cli.streams import Streams


class Caller(Struct, frozen=True, kw_only=True):
    """Who called: their streams, environment and directory, and what time it is for them."""

    streams: Streams
    environ: Mapping[str, str]
    directory: Path
    now: Callable[[], dt.datetime]

    @property
    def is_github_actions(self) -> bool:
        """Whether this is a step of a GitHub Actions job."""
        return self.environ.get("GITHUB_ACTIONS") == "true"
