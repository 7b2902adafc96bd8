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

CONTROLLER_TAG = f"kubepreview/controller:v{kubepreview.__version__}"

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


def build_controller(registry: str, cache: Path) -> str:
    """Build the controller's image of this source tree; its reference by digest."""
    source = _source_tree()
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as place:
        context = Path(place)
        shutil.copytree(
            source / "kubepreview", context / "kubepreview", ignore=shutil.ignore_patterns("__pycache__")
        )
        wheels = imagebuild.unpacked_wheels(source / "requirements" / "controller.txt", cache)
        shutil.copytree(wheels, context / "build" / "site")
        recipe = Recipe(
            folder=context,
            dockerfile=source / "deploy" / "Dockerfile",
            tag=CONTROLLER_TAG,
            arguments={},
        )
        return build_and_push(recipe, registry, cache)


def _source_tree() -> Path:
    source = Path(kubepreview.__file__).resolve().parents[1]
    if not (source / "deploy" / "Dockerfile").is_file():
        raise Failed(
            f"cannot build the controller's image: {source} is an installation, not a source tree",
            hint="name a published image with --image",
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
