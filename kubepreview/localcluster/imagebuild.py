"""Container images from Dockerfiles, built on this machine and pushed to a registry of this machine.

The build takes nothing from a network but Debian packages: a Debian base of our own stands in for the
public base image, which a Dockerfile that wants to be built here names in a build argument. Programs:
buildah and mmdebstrap. They run in a mount namespace of their own, so that no mount outlives them.
"""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubepreview.errors import Failed

# Debian packages, without their recommends.
DEBIAN_PACKAGES = ("buildah", "mmdebstrap")

# What the base holds beside the essential packages. usr-is-merged spares usrmerge and 46 MB of perl.
_BASE_PACKAGES = ("usr-is-merged", "python3", "ca-certificates", "libarchive13")
_BOOTSTRAP = (
    "mmdebstrap",
    "--variant=essential",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    f"--include={','.join(_BASE_PACKAGES)}",
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--skip=output/dev",
    "--format=tar",
)
# No file of the base is younger, and its Python byte code is checked by hash: the same packages give the
# same layer. September 2026; older packages keep their own times.
_BASE_EPOCH = 1_790_000_000
# chroot isolation needs neither cgroups nor a runtime; the limits are those that need no CAP_SYS_RESOURCE.
_RUN = ("--isolation=chroot", "--network=host", "--ulimit=nofile=20000:20000", "--ulimit=nproc=1000:1000")
# One layer over the base, times set to zero: the same input gives the same digest. With layer caching,
# buildah 1.28 takes `ENV X=${ARG}` from the cache although the argument changed: a wrong revision.
_SAME_BYTES = ("--layers=false", "--timestamp=0", "--identity-label=false")

_NO_LISTS = "run `apt-get update`, then again"

_TIMEOUT_S = 900
_TAIL_LINES = 15


def build_and_push(
    context: Path, *, dockerfile: Path, build_args: Mapping[str, str], reference: str, storage: Path
) -> str:
    """Build `dockerfile` over `context`, push it as `reference` over plain HTTP, and return its digest.

    Only images already in `storage` serve as a base: none is pulled. `storage` is buildah's, ours alone.
    """
    buildah = _buildah(storage)
    arguments = [f"--build-arg={name}={value}" for name, value in sorted(build_args.items())]
    ignore = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    if ignore.exists():
        arguments.append(f"--ignorefile={ignore}")
    build = [*_RUN, *_SAME_BYTES, "--pull=never", *arguments, f"--file={dockerfile}", f"--tag={reference}"]
    _run([*buildah, "bud", *build, str(context)], f"build {reference} from {dockerfile}")
    with tempfile.TemporaryDirectory() as folder:
        digest = Path(folder) / "digest"
        push = ["--tls-verify=false", f"--digestfile={digest}", reference, f"docker://{reference}"]
        _run([*buildah, "push", *push], f"push {reference}")
        pushed = digest.read_text().strip()
    # The registry has it; kept here too, every build would leave an image behind.
    _run([*buildah, "rmi", reference], f"remove {reference} from {storage}")
    return pushed


def debian_base(storage: Path) -> str:
    """Return the reference of the Debian base in `storage`; the first call makes it, in about 25 s.

    Packages come from where this machine's own apt finds its distribution.
    """
    sources = _apt_sources()
    key = hashlib.sha256("\n".join((*_BOOTSTRAP, str(_BASE_EPOCH), *sources)).encode()).hexdigest()[:12]
    reference = f"localhost/kubepreview/debian-base:{key}"
    buildah = _buildah(storage)
    if _run([*buildah, "images", "--quiet", "--filter", f"reference={reference}"], f"look for {reference}"):
        return reference
    with tempfile.TemporaryDirectory(dir=storage) as folder:
        context = Path(folder)
        # apt, which runs as a user of its own, reads from below.
        context.chmod(0o755)
        listing = context / "sources.list"
        listing.write_text("\n".join(sources) + "\n")
        root = context / "root.tar"
        # An empty suite: the sources name theirs.
        bootstrap = ["env", f"SOURCE_DATE_EPOCH={_BASE_EPOCH}", *_BOOTSTRAP, "", str(root), str(listing)]
        _run([*_OWN_MOUNTS, *bootstrap], "make the Debian base")
        (context / "Dockerfile").write_text('FROM scratch\nADD root.tar /\nCMD ["python3"]\n')
        _run([*buildah, "bud", *_RUN, *_SAME_BYTES, f"--tag={reference}", folder], f"store {reference}")
    return reference


def unpacked_wheels(requirements: Path, cache: Path) -> Path:
    """The folder of `cache` with the wheels that `requirements` pins by hash, for the Python of the base.

    The base has no pip, and the build no network, so they are unpacked before; made once for what goes in.
    """
    python = _base_python()
    key = hashlib.sha256(requirements.read_bytes() + python.encode()).hexdigest()[:16]
    target = cache / "wheels" / key
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        site = Path(folder) / "site"
        exact = ["--require-hashes", "--no-deps", "--only-binary=:all:", f"--python-version={python}"]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", *exact, f"--target={site}"]
        _run([*pip, "-r", str(requirements)], f"unpack the wheels of {requirements}")
        try:
            site.rename(target)
        except OSError:
            # Another process was quicker, with the same wheels.
            if not target.exists():
                raise
    return target


def _base_python() -> str:
    """The Python of the base, such as ``3.11``: that of this machine's distribution, as apt knows it."""
    told = _run(
        ["apt-cache", "show", "--no-all-versions", "python3"], "read which Python the Debian base has"
    )
    found = re.search(r"^Version: (\d+\.\d+)\b", told, re.MULTILINE)
    if found is None:
        raise Failed(f"ask apt for the base's Python: it said {told[:200]!r}", hint=_NO_LISTS)
    return found[1]


_OWN_MOUNTS = ("unshare", "--mount", "--propagation=private")


def _buildah(storage: Path) -> list[str]:
    """Buildah with a storage of our own; copies whole layers (vfs) only where overlay cannot be had."""
    storage.mkdir(parents=True, exist_ok=True)
    buildah = [*_OWN_MOUNTS, "buildah", f"--root={storage / 'layers'}", f"--runroot={storage / 'run'}"]
    overlay = [*buildah, "--storage-driver=overlay"]
    if _exec([*overlay, "images", "--quiet"]).returncode == 0:
        return overlay
    return [*buildah, "--storage-driver=vfs"]


def _apt_sources() -> list[str]:
    """This machine's apt sources of the distribution itself, not those of third parties."""
    distribution = platform.freedesktop_os_release()["ID"]
    line = "$(ORIGIN)\tdeb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    listing = _run(
        ["apt-get", "indextargets", "--format", line, "Created-By: Packages"],
        "read where apt finds the packages of this machine",
    )
    pairs = {
        (origin.lower(), source) for origin, _, source in (x.partition("\t") for x in listing.splitlines())
    }
    sources = sorted(source for origin, source in pairs if origin == distribution)
    if not sources:
        raise Failed(
            f"make the Debian base: apt has no package lists of {distribution}",
            hint=_NO_LISTS,
        )
    return sources


def _run(command: Sequence[str], what: str) -> str:
    """Run to the end and return what it printed on stdout; a failure carries its last lines."""
    try:
        result = _exec(command)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{what}: not done after {_TIMEOUT_S} s, given up") from error
    if result.returncode == 0:
        return result.stdout
    tail = "\n".join((result.stderr.strip() or result.stdout.strip()).splitlines()[-_TAIL_LINES:])
    raise Failed(f"{what}: exit code {result.returncode}\n{tail}")


def _exec(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program that must be there; its exit code is the caller's matter."""
    programs = [name for name in (*DEBIAN_PACKAGES, "unshare", "apt-get", "apt-cache") if name in command]
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        raise Failed(
            f"build an image: {', '.join(missing)} is not installed",
            hint=f"apt-get install --no-install-recommends {' '.join(DEBIAN_PACKAGES)}",
        )
    return subprocess.run(  # noqa: S603 - an argument list of ours, without a shell
        command, check=False, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S
    )
