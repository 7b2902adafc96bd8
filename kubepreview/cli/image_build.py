"""Images for the local cluster: from a Dockerfile to a digest in its registry."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

import kubepreview
from kubepreview.errors import Failed, InvalidInput
from kubepreview.localcluster import imagebuild

_TAKES_BASE = re.compile(r"^ARG\s+BASE\b", re.MULTILINE)


class Recipe(Struct, frozen=True, kw_only=True):
    """What to build and what to call it."""

    folder: Path
    dockerfile: Path
    tag: str
    arguments: Mapping[str, str]


def build_and_push(recipe: Recipe, registry: str, cache: Path) -> str:
    """Build it, push it, and return its reference by digest.

    Where the Dockerfile takes its base image as the argument BASE, the Debian base stands in for it.
    """
    storage = cache / "images"
    arguments = dict(recipe.arguments)
    if "BASE" not in arguments and _TAKES_BASE.search(_text(recipe.dockerfile)):
        arguments["BASE"] = imagebuild.debian_base(storage)
    reference = f"{registry}/{recipe.tag}"
    digest = imagebuild.build_and_push(
        recipe.folder,
        dockerfile=recipe.dockerfile,
        build_args=arguments,
        reference=reference,
        storage=storage,
    )
    return f"{_without_tag(reference)}@{digest}"


class Program(Struct, frozen=True, kw_only=True):
    """One that stands in this source tree: its folder, and the file that locks the packages it needs."""

    package: str
    requirements: str
    tag: str


CONTROLLER = Program(
    package="kubepreview",
    requirements="requirements/controller.txt",
    tag=f"kubepreview/controller:v{kubepreview.__version__}",
)


def build_program(program: Program, registry: str, cache: Path) -> str:
    """Build the image of a program of this source tree; its reference by digest."""
    source = source_tree()
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as place:
        context = Path(place)
        package = context / program.package
        shutil.copytree(source / program.package, package, ignore=shutil.ignore_patterns("__pycache__"))
        wheels = imagebuild.unpacked_wheels(source / program.requirements, cache)
        shutil.copytree(wheels, context / "build" / "site")
        recipe = Recipe(
            folder=context,
            dockerfile=source / "deploy" / "Dockerfile",
            tag=program.tag,
            arguments={"PACKAGE": program.package},
        )
        return build_and_push(recipe, registry, cache)


def source_tree() -> Path:
    """The clone that this runs from."""
    source = Path(kubepreview.__file__).resolve().parents[1]
    if not (source / "deploy" / "Dockerfile").is_file():
        raise Failed(
            f"cannot build an image: {source} is an installation, not a source tree",
            hint="name a published image with --image, or run it in a clone of the repository",
        )
    return source


def _text(dockerfile: Path) -> str:
    try:
        return dockerfile.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{dockerfile}: cannot be read: {error}") from error


def _without_tag(reference: str) -> str:
    head, slash, last = reference.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
