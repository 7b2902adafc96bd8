"""Compile Go programs, and tell how far it is: `go list` knows what is to do, `go build -v` what is begun."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubepreview.errors import Failed
from kubepreview.localcluster import command
from kubepreview.localcluster.progress import Account, Package, Progress
from kubepreview.localcluster.toolchain import Go

# What else shapes the programs: the Go files, go.mod, go.sum, and the version of Go.
FLAGS = (
    "-trimpath",
    "-buildvcs=false",
    # A profile would compile every package a second time, for the one program that has it.
    "-pgo=off",
    # The linker drops the debug information (-s -w), so the compiler need not make it.
    "-gcflags=all=-dwarf=false",
    "-tags=no_btrfs,no_zfs,no_devmapper,no_aufs,seccomp",
)

# The compiler allocates more than it keeps: it is done sooner when it collects its garbage less often.
_ENVIRONMENT = ("GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off", "GOGC=400")
_UNSET = ("-uGOROOT", "-uGOOS", "-uGOARCH")
# Somebody works on this machine while it compiles.
_NICE = ("nice", "-n", "5")

_FETCH_TIMEOUT_S = 1800
_COMPILE_TIMEOUT_S = 7200

# The program itself is stale whenever it is not installed; its package may be compiled already.
_TO_COMPILE = '{{and .Stale (ne .StaleReason "not installed but available in build cache")}}'
_NEEDS = '{{if eq .Name "main"}}{{join .Deps " "}}{{end}}'
_FILES = '{{join .GoFiles " "}}'
_LIST = f"{{{{.ImportPath}}}}\t{_TO_COMPILE}\t{{{{.Dir}}}}\t{_FILES}\t{{{{len .Deps}}}}\t{_NEEDS}"

# Fitted to the times of 3538 packages: reading one dependency takes the compiler as long as this many bytes
# of source. To link a program, each is read once more, and more of it.
_BYTES_PER_DEPENDENCY = 285
_BYTES_PER_LINKED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Programs that are compiled together, each by its name and its package."""

    packages: Mapping[str, str]
    cgo: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A package as `go list` knows it; only a program tells what it needs."""

    path: str
    to_compile: bool
    source_bytes: int
    dependencies: int
    needs: frozenset[str]

    @property
    def weight(self) -> int:
        """How long it takes, in bytes of source."""
        compiling = self.source_bytes + _BYTES_PER_DEPENDENCY * self.dependencies
        return compiling + _BYTES_PER_LINKED * len(self.needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """Go, and all that its calls have in common. `lock` stays held as long as a child of ours lives."""

    go: Go
    go_cache: Path
    source: Path
    variables: Mapping[str, str]
    lock: int
    report: Callable[[Progress], None]

    async def build(self, orders: Sequence[Order], into: Path) -> None:
        """Compile all orders into the directory `into`."""
        work = [package for order in orders for package in to_do(order, await self._list(order))]
        account = Account(work)
        began = time.monotonic()
        for order in orders:
            await self._compile(order, into, account, began)

    async def _list(self, order: Order) -> Sequence[Listed]:
        """Every package that the programs need. Fetches the modules that are not there yet."""
        began = time.monotonic()

        def hear(line: str) -> None:
            if module := re.match(r"go: downloading (\S+)", line):
                elapsed_s = time.monotonic() - began
                self.report(Progress(step="fetching", program=module[1], elapsed_s=elapsed_s))

        arguments = ["list", "-deps", f"-f={_LIST}", *FLAGS, *order.packages.values()]
        ended = await self._run(order, arguments, _FETCH_TIMEOUT_S, hear)
        listing = ended.or_fail(
            "fetching the Go modules of the local cluster's programs",
            hint="set GOPROXY to a mirror that this machine reaches; what was fetched is kept",
        )
        return [_listed(line) for line in listing.splitlines()]

    async def _compile(self, order: Order, into: Path, account: Account, began: float) -> None:
        said: list[str] = []

        def hear(line: str) -> None:
            if account.begin(_key(order, line)):
                self.report(account.progress(time.monotonic() - began))
            else:
                said.append(line)

        linker = ["-s", "-w", *(f"-X={name}={value}" for name, value in self.variables.items())]
        output = ["-v", f"-ldflags={' '.join(linker)}", f"-o={into}/"]
        arguments = ["build", *output, *FLAGS, *order.packages.values()]
        ended = await self._run(order, arguments, _COMPILE_TIMEOUT_S, hear)
        if ended.code != 0:
            told = "".join(f"\n  {line}" for line in said[-30:])
            program = _blamed(order, account, said)
            raise Failed(f"compiling {program}: go build ended with exit code {ended.code}{told}")

    async def _run(
        self, order: Order, arguments: Sequence[str], timeout_s: float, hear: Callable[[str], None]
    ) -> command.Ended:
        environment = [*_ENVIRONMENT, f"GOCACHE={self.go_cache}", f"CGO_ENABLED={int(order.cgo)}"]
        return await command.run(
            ["env", *_UNSET, *environment, *_NICE, self.go.program, *arguments],
            cwd=self.source,
            timeout_s=timeout_s,
            hear=hear,
            keep_open=[self.lock],
        )


def to_do(order: Order, packages: Sequence[Listed]) -> Iterator[Package]:
    """What is to compile of an order; each package belongs to the first program that needs it."""
    programs = {package.path: package for package in packages if package.needs}
    first: dict[str, str] = {}
    for program, path in _program_paths(order, programs):
        for needed in (path, *programs[path].needs):
            first.setdefault(needed, program)
    for package in packages:
        if package.to_compile:
            yield Package(_key(order, package.path), first[package.path], package.weight)


def _program_paths(order: Order, programs: Mapping[str, Listed]) -> Iterator[tuple[str, str]]:
    """Each program's name and full path: in the order, those of our own begin with a dot."""
    for name, package in order.packages.items():
        yield name, next(path for path in programs if path.endswith(package.removeprefix(".")))


def _listed(line: str) -> Listed:
    path, to_compile, directory, files, dependencies, needs = line.split("\t")
    size = sum((Path(directory) / file).stat().st_size for file in files.split())
    return Listed(path, to_compile == "true", size, int(dependencies), frozenset(needs.split()))


def _key(order: Order, path: str) -> str:
    """A package of Go's own is another one where C may be called."""
    return f"cgo {path}" if order.cgo else path


def _blamed(order: Order, account: Account, said: Sequence[str]) -> str:
    """The program whose package the compiler complained of, in a line such as ``# k8s.io/api/core/v1``."""
    for line in said:
        program = account.program_of(_key(order, line.removeprefix("# ")))
        if line.startswith("# ") and program:
            return program
    return ", ".join(order.packages)
