"""The command line, called as a process would call it, but inside this one: code, stdout, stderr."""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kubepreview.__main__ import main
from kubepreview.cli.caller import Caller
from kubepreview.cli.streams import Streams


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def done(self) -> str:
        """What it printed; AssertionError with its words if it did not end well."""
        if self.code:
            raise AssertionError(f"exit code {self.code}\n{self.err}")
        return self.out


def kubepreview(*argv: str, environ: Mapping[str, str], directory: Path = Path("/")) -> Ended:
    """Run one command to its end."""
    out, err = io.StringIO(), io.StringIO()
    caller = Caller(
        streams=Streams(out=out, err=err),
        environ=environ,
        directory=directory,
        now=lambda: dt.datetime.now(dt.UTC),  # noqa: TID251 - stands in for the entry point
    )
    return Ended(main(argv, caller), out.getvalue(), err.getvalue())


def environment(kubeconfig: Path) -> Mapping[str, str]:
    """The environment of this run, with the cluster that is meant."""
    return {**os.environ, "KUBECONFIG": str(kubeconfig)}  # noqa: TID251 - stands in for the entry point
