"""A caller whose streams are kept in memory."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Mapping
from pathlib import Path

from kubepreview.cli.caller import Caller
from kubepreview.cli.streams import Streams

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def caller(environ: Mapping[str, str] | None = None, directory: Path = Path("/")) -> Caller:
    """A caller at a fixed time, whose `streams.out` and `streams.err` are StringIO."""
    return Caller(
        streams=Streams(out=io.StringIO(), err=io.StringIO()),
        environ=environ or {},
        directory=directory,
        now=lambda: NOW,
    )
