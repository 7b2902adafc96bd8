"""The repository of the demo: the example, in git, with the commits that the story needs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from msgspec import Struct

import kubepreview
from kubepreview.errors import Failed

EXAMPLE = "rapidrar"
_PAGE = "app/rapidrar/page/index.html"
_MAIN = "app/rapidrar/__main__.py"
_STARTS = "    environment = os.environ"
_CRASHES = '    open("settings.toml").close()  # the file was never added\n'
_GIT_TIMEOUT_S = 60
# The author of the commits; nobody's configuration is asked or changed.
_IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")


class Commit(Struct, frozen=True):
    """A commit, checked out."""

    sha: str
    subject: str


class Repository:
    """A git repository in `folder`, made anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self) -> Commit:
        """Copy the example and commit it as main."""
        source = Path(kubepreview.__file__).resolve().parents[1] / "examples" / EXAMPLE
        if not source.is_dir():
            raise Failed(
                f"the demo shows {source}, which is not there: this is an installation, not a source tree",
                hint="run it in a clone of the repository",
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        self._git("init", "--quiet", "--initial-branch=main")
        return self._commit("Serve RAR archives")

    def change_heading(self, branch: str, heading: str) -> Commit:
        """On `branch` (made from main if it is new), a commit that gives the page another heading."""
        self._check_out(branch)
        page = self.folder / _PAGE
        before, _, rest = page.read_text().partition("<h1>")
        page.write_text(f"{before}<h1>{heading}{rest[rest.index('</h1>') :]}")
        return self._commit(f"Call it {heading}")

    def break_start(self, branch: str) -> Commit:
        """On `branch`, a commit that crashes when it starts."""
        self._check_out(branch)
        main = self.folder / _MAIN
        main.write_text(main.read_text().replace(_STARTS, _CRASHES + _STARTS))
        return self._commit("Read the settings from a file")

    def _check_out(self, branch: str) -> None:
        known = self._git("branch", "--list", branch)
        self._git("checkout", "--quiet", *([branch] if known else ["-b", branch, "main"]))

    def _commit(self, subject: str) -> Commit:
        self._git("add", "--all")
        self._git(*_IDENTITY, "commit", "--quiet", "--message", subject)
        return Commit(self._git("rev-parse", "HEAD"), subject)

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - an argument list of ours, without a shell
            ["git", *arguments],  # noqa: S607 - the user's own git
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
        )
        if done.returncode:
            raise Failed(f"git {' '.join(arguments)} in {self.folder}: {done.stderr.strip()}")
        return done.stdout.strip()
