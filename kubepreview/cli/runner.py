"""The runner of a GitHub Actions job: what it reads from a step's output and files.

Whatever a command prints comes from pods, manifests and pull requests, too. The runner takes a line that
begins with two colons for a command, so it is told to take none while one of ours speaks.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from msgspec import Struct

from kubepreview.cli import config_file
from kubepreview.cli.caller import Caller
from kubepreview.cli.streams import Streams
from kubepreview.errors import InvalidInput, KubepreviewError

# A place in a file, as our problems give it.
_PLACE: Final = re.compile(r"(?P<file>[^:]+):(?P<line>[1-9][0-9]*)(:[0-9]+)?")


class Runner(Struct, frozen=True, kw_only=True):
    """Where a step tells the job about itself. `checkout`: the repository's root below the workspace."""

    streams: Streams
    environ: Mapping[str, str]
    checkout: str

    @classmethod
    def of(cls, caller: Caller) -> Self:
        """The runner of this step."""
        root = config_file.repository_root(caller.directory).resolve()
        workspace = Path(caller.environ.get("GITHUB_WORKSPACE") or root).resolve()
        checkout = str(root.relative_to(workspace)) if root.is_relative_to(workspace) else "."
        return cls(streams=caller.streams, environ=caller.environ, checkout=checkout)

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold what is printed during the block, and take none of it for a command."""
        token = secrets.token_hex(16)
        self._command("group", title)
        self._command("stop-commands", token)
        try:
            yield
        finally:
            self.streams.talk(f"::{token}::")
            self._command("endgroup", "")

    def annotate(self, error: BaseException) -> None:
        """Show an error on the pull request: each problem in its file and line, where it has one."""
        problems = error.problems if isinstance(error, InvalidInput) else ()
        for problem in problems:
            place = _PLACE.fullmatch(problem.where)
            where = {"file": str(Path(self.checkout) / place["file"]), "line": place["line"]} if place else {}
            self._command("error", str(problem), **where)
        if isinstance(error, KubepreviewError) and not problems:
            self._command("error", "\n".join(each for each in (error.message, error.hint) if each))

    def notice(self, message: str) -> None:
        """Show on the pull request what is no error."""
        self._command("notice", message)

    def output(self, name: str, value: str) -> None:
        """Give one of the step's outputs."""
        end = f"end-{secrets.token_hex(16)}"
        self._append("GITHUB_OUTPUT", f"{name}<<{end}\n{value}\n{end}\n")

    def summary(self, markdown: str) -> None:
        """Show this on the page of the run."""
        self._append("GITHUB_STEP_SUMMARY", markdown + "\n")

    def _append(self, variable: str, text: str) -> None:
        if path := self.environ.get(variable):
            with Path(path).open("a") as file:
                file.write(text)

    def _command(self, name: str, message: str, **properties: str) -> None:
        told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
        self.streams.talk(f"::{name}{' ' if told else ''}{told}::{_data(message)}")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
