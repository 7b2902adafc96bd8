"""`init`: look at a repository, and write its first preview.yml, and the workflow that makes previews."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from kubepreview import __version__
from kubepreview.cli import config_file, own_commit
from kubepreview.cli.caller import Caller
from kubepreview.core import config, kinds, scaffold, workflow
from kubepreview.core.scaffold import Facts, Found
from kubepreview.core.wire import is_sha
from kubepreview.errors import InvalidInput, Refused
from kubepreview.render import documents

_KUSTOMIZATION = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_CHART = "Chart.yaml"
_DOCKERFILE = re.compile(r"(Dockerfile|Containerfile)(\.(?!dockerignore)[\w-]+)?|[\w-]+\.Dockerfile")
_TESTS = ("test_k8s.py", "test_preview.py")
# Not written by the repository's people, or not about what runs.
_SKIPPED = frozenset({"node_modules", "vendor", "venv", "dist", "build", "target", "site-packages"})
_MAX_FILES = 20_000
_MAX_DEPTH = 8
_MAX_MANIFEST_BYTES = 256 * 1024
_REMOTE = re.compile(r"[:/]([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+?)(?:\.git)?/?")
_GIT_TIMEOUT_S = 10
_SERVER = re.compile(r"https://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._/-]*)?")
_PEM = re.compile(
    r"\s*(-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+", re.ASCII
)
_PLACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(/[A-Za-z0-9][A-Za-z0-9._-]*)+")


@click.command()
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option("--dry-run", is_flag=True, help="Print the files; write nothing.")
@click.option(
    "--action-commit",
    metavar="SHA",
    help="The commit of our action that the workflow uses.  [default: that of this kubepreview]",
)
@click.option(
    "--registry",
    default="",
    metavar="HOST/PATH",
    help="Where the workflow pushes images; several get their names added.  [default: ghcr.io/OWNER/NAME]",
)
@click.option(
    "--publish",
    is_flag=True,
    help="The workflow has no way to the cluster: it publishes, and the controller takes it from there.",
)
@click.option(
    "--server",
    default="",
    metavar="URL",
    help="The apiserver; the workflow logs in to it with GitHub's own token instead of a kubeconfig.",
)
@click.option(
    "--certificate-authority",
    type=click.File(),
    help="With --server: the PEM file of its authority.  [default: one that everybody trusts]",
)
@click.pass_obj
def init(caller: Caller, /, *, force: bool, dry_run: bool, action_commit: str | None, **way: Any) -> None:
    """Write .github/preview.yml and a workflow for this repository, with each line explained.

    Looks for Dockerfiles, kustomizations, Helm charts, manifests and a test. Nothing is sent anywhere.
    """
    root = config_file.repository_root(caller.directory)
    there = config_file.find(root)
    if there and not (force or dry_run):
        raise Refused(f"{there} is there already", hint="--force writes over it; --dry-run prints instead")
    facts = look(root)
    text = scaffold.text(facts)
    config_file.parse(text, config.FILE_NAMES[0])
    texts = {there or root / config.FILE_NAMES[0]: text}
    if action := _action(action_commit):
        texts[root / workflow.FILE] = workflow.text(_choices(facts, action, way))
    for line in _seen(facts):
        caller.streams.talk(line)
    if dry_run:
        caller.streams.data("---\n".join(texts.values()).rstrip("\n"))
        return
    for path, text in texts.items():
        _write(caller, path, text, force=force)
    if not action:
        caller.streams.talk(
            "no workflow was written, as the commit of this kubepreview is not known: give --action-commit"
        )
    caller.streams.talk(
        "Next: read it through, then `kubepreview render` shows what a preview would be made of"
    )


def _choices(facts: Facts, action: str, way: Mapping[str, Any]) -> workflow.Choices:
    server, authority = way["server"], way["certificate_authority"]
    if server and way["publish"]:
        raise InvalidInput("--server and --publish: a workflow that publishes has no way to the cluster")
    if server and not _SERVER.fullmatch(server):
        raise InvalidInput(f"--server: {server!r} is not the URL of an apiserver", hint="https://HOST:PORT")
    return scaffold.choices(
        facts,
        action,
        _place(way["registry"]),
        publishes=way["publish"],
        server=server,
        certificate_authority=_pem(authority.read()) if authority else "",
    )


def _pem(text: str) -> str:
    if not _PEM.fullmatch(text):
        raise InvalidInput("--certificate-authority: the file holds no certificates, and nothing but them")
    return text


def _place(registry: str) -> str:
    if registry and not _PLACE.fullmatch(registry):
        raise InvalidInput(
            f"--registry: {registry!r} is no place for an image", hint="give it as HOST/PATH, without a tag"
        )
    return registry


def _write(caller: Caller, path: Path, text: str, *, force: bool) -> None:
    if path.exists() and not force:
        caller.streams.talk(f"{path} is there already, and stays; --force writes over it")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        caller.streams.talk(f"✓ wrote {path}")


def _action(given: str | None) -> str:
    """The commit of our action, with the version for people; empty where it is not known."""
    if given and not is_sha(given):
        raise InvalidInput(f"--action-commit: {given!r} is not the full SHA of a commit")
    commit = given or own_commit.find()
    return f"{commit} # v{__version__}" if commit else ""


def look(root: Path) -> Facts:
    """See the repository: names of files, and what plain manifests say. Links are not followed."""
    files = sorted(_files(root))
    by_name = {path: path.name for path in files}
    kustomizations = _folders(path for path, name in by_name.items() if name in _KUSTOMIZATION)
    charts = _folders(path for path, name in by_name.items() if name == _CHART)
    return Facts(
        folder=root.resolve().name,
        repository=_repository(root),
        dockerfiles=tuple(str(path) for path, name in by_name.items() if _DOCKERFILE.fullmatch(name)),
        kustomizations=kustomizations,
        charts={chart: _values(root / chart / "values.yaml") for chart in charts},
        objects=tuple(_objects(root, files, charts)),
        tests=tuple(str(path) for path, name in by_name.items() if name in _TESTS),
    )


def _files(root: Path) -> Iterator[Path]:
    """The repository's own files, from its root; no hidden folders, and not more than a person has."""
    count = 0
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        for path in sorted(folder.iterdir()):
            if path.is_symlink():
                continue
            inside = path.relative_to(root)
            if path.is_dir() and not path.name.startswith(".") and path.name not in _SKIPPED:
                if len(inside.parts) <= _MAX_DEPTH:
                    waiting.append(path)
            elif path.is_file():
                count += 1
                if count > _MAX_FILES:
                    raise InvalidInput(
                        f"{root} holds more than {_MAX_FILES} files", hint="run it inside the repository"
                    )
                yield inside


def _folders(paths: Iterator[Path]) -> tuple[str, ...]:
    return tuple(sorted({str(path.parent) for path in paths}))


def _objects(root: Path, files: list[Path], charts: tuple[str, ...]) -> Iterator[Found]:
    """The objects of plain manifests; a file that is none, or a template, is passed over."""
    for path in files:
        is_chart = any(path.is_relative_to(chart) for chart in charts)
        if path.suffix not in (".yaml", ".yml") or path.name in _KUSTOMIZATION or is_chart:
            continue
        for value in _documents(root / path):
            if kinds.is_named(kinds.as_mapping(value)):
                yield Found(str(path), value)


def _documents(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            return []
        return [document.value for document in documents.parse(path.read_bytes(), path.name)]
    except (InvalidInput, OSError):
        # Not a manifest as it stands; `render` tells why if it is one after all.
        return []


def _values(path: Path) -> dict[str, Any]:
    documents_of = _documents(path) if path.is_file() else []
    return documents_of[0] if documents_of and isinstance(documents_of[0], dict) else {}


def _repository(root: Path) -> str:
    """owner/name of the remote `origin`; empty where git does not tell."""
    if shutil.which("git") is None:
        return ""
    try:
        told = subprocess.run(  # noqa: S603 - an argument list of ours, without a shell
            ["git", "-C", str(root), "remote", "get-url", "origin"],  # noqa: S607 - the user's own git
            check=False,
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return ""
    found = re.search(_REMOTE.pattern + r"$", told.stdout.strip())
    return f"{found[1]}/{found[2]}" if found else ""


def _seen(facts: Facts) -> Iterator[str]:
    kinds = sorted({found.object["kind"] for found in facts.objects})
    seen = {
        "repository": facts.repository,
        "Dockerfiles": shlex.join(facts.dockerfiles),
        "kustomizations": shlex.join(facts.kustomizations),
        "charts": shlex.join(facts.charts),
        "objects": f"{len(facts.objects)} ({', '.join(kinds)})" if kinds else "",
        "tests": shlex.join(facts.tests),
    }
    for what, found in seen.items():
        yield f"  {what:<16}{found or 'none'}"
