"""How far a build is: counted in packages, estimated by how much source is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_BAR_CELLS = 24
# With less than this share done, an estimate would be a guess.
_LEAST_SHARE = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One look at a build. No packages in total means that they are not yet counted."""

    step: str
    program: str = ""
    packages_done: int = 0
    packages_total: int = 0
    elapsed_s: float = 0.0
    remaining_s: float | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A package to compile; `weight` tells the work, and `program` who is the first to need it."""

    name: str
    program: str
    weight: int


class Account:
    """Which packages of a build are compiled."""

    def __init__(self, packages: Sequence[Package]) -> None:
        self._packages = {package.name: package for package in packages}
        self._left = dict(self._packages)
        self._weight = sum(package.weight for package in packages)
        self._weight_done = 0
        self._current: Package | None = None

    def begin(self, name: str) -> bool:
        """Take note that the compiler turns to a package; False for one that is not in the account."""
        package = self._left.pop(name, None)
        if package is None:
            return False
        # The one before is done only now: the compiler tells when it begins.
        self._weight_done += self._current.weight if self._current else 0
        self._current = package
        return True

    def program_of(self, name: str) -> str:
        """The program that a package was counted for; nothing for one that is not in the account."""
        package = self._packages.get(name)
        return package.program if package else ""

    def progress(self, elapsed_s: float) -> Progress:
        """Tell how far it is, `elapsed_s` after the compiler began."""
        share = self._weight_done / self._weight if self._weight else 0.0
        return Progress(
            step="compiling",
            program=self._current.program if self._current else "",
            packages_done=len(self._packages) - len(self._left),
            packages_total=len(self._packages),
            elapsed_s=elapsed_s,
            remaining_s=elapsed_s * (1 - share) / share if share >= _LEAST_SHARE else None,
        )


def terminal_line(progress: Progress) -> str:
    """One line that is drawn over again."""
    if not progress.packages_total:
        return f"{_what(progress)}  {_duration(progress.elapsed_s)}"
    filled = _BAR_CELLS * progress.packages_done // progress.packages_total
    bar = "█" * filled + "░" * (_BAR_CELLS - filled)
    return f"{bar} {_count(progress)}  {_what(progress)}  {_time(progress)}"


def log_line(progress: Progress) -> str:
    """One line among others, for a log."""
    if not progress.packages_total:
        return f"{_what(progress)} ({_duration(progress.elapsed_s)})"
    return f"{_what(progress)}: {_count(progress)} ({_time(progress)})"


def _what(progress: Progress) -> str:
    return f"{progress.step} {progress.program}".rstrip()


def _count(progress: Progress) -> str:
    return f"{progress.packages_done} of {progress.packages_total} packages"


def _time(progress: Progress) -> str:
    elapsed = _duration(progress.elapsed_s)
    if progress.remaining_s is None:
        return elapsed
    return f"{elapsed}, about {_duration(progress.remaining_s)} left"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"  # noqa: PLR2004 - a minute
