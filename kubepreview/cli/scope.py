"""Which project a command is about, and where its Previews live."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from kubepreview.cli import config_file
from kubepreview.cli.caller import Caller
from kubepreview.core.config import Config, control_namespace
from kubepreview.errors import InvalidInput


class ScopeOptions(Struct, frozen=True, kw_only=True):
    """What the user said; the rest is in preview.yml."""

    namespace: str | None = None
    project: str | None = None
    config: Path | None = None


class Scope(Struct, frozen=True, kw_only=True):
    """A control namespace, and the project in it; `project` is empty where only the namespace is known."""

    namespace: str
    project: str = ""

    def required_project(self) -> str:
        """The project, or what to do to name it."""
        if not self.project:
            raise InvalidInput("which project? only its namespace is known", hint="name it with --project")
        return self.project


def scope_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--namespace``, ``--project`` and ``--config``, passed as `scope` (ScopeOptions)."""

    @click.option(
        "--namespace",
        "-n",
        help="The project's control namespace.  [default: preview.yml's, then <project>-previews]",
    )
    @click.option("--project", help="The PreviewProject.  [default: preview.yml's]")
    @click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The preview.yml.  [default: .github/preview.yml of this repository]",
    )
    @wraps(command)
    def with_scope(
        *args: Any, namespace: str | None, project: str | None, config: Path | None, **rest: Any
    ) -> Any:
        return command(*args, scope=ScopeOptions(namespace=namespace, project=project, config=config), **rest)

    return with_scope


def resolve_scope(options: ScopeOptions, caller: Caller) -> Scope:
    """The scope, from the options and, where they do not say, from preview.yml."""
    if options.namespace or options.project:
        return with_config(options, None)
    config = config_file.read_if_any(caller, options.config)
    if config is None:
        raise InvalidInput(
            "which project? no preview.yml was found here",
            hint="name it with --project, or run this inside the repository",
        )
    return with_config(options, config)


def with_config(options: ScopeOptions, config: Config | None) -> Scope:
    """The scope; an option wins over the file, and another project's namespace is never the file's."""
    project = options.project or (config.project if config else "")
    if options.namespace:
        return Scope(namespace=options.namespace, project=project)
    if config and not options.project:
        return Scope(namespace=config.control_namespace, project=project)
    return Scope(namespace=control_namespace(project), project=project)
