"""Data on stdout: text for people, JSON or YAML for programs."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import click

from kubepreview.cli.streams import Streams

Format: TypeAlias = Literal["text", "json", "yaml"]

_GAP = "   "


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--output``, passed as `output`."""
    return click.option(
        "--output",
        "-o",
        type=click.Choice(["text", "json", "yaml"]),
        default="text",
        show_default=True,
        help="How to print the data on stdout.",
    )(command)


def write_data(streams: Streams, data: Any, output: Format) -> None:
    """Print plain data (what JSON can hold) as JSON or YAML; text is the command's own business."""
    streams.data(as_yaml(data) if output == "yaml" else json.dumps(data, indent=2, ensure_ascii=False))


def as_yaml(data: Any) -> str:
    """The data as YAML, keys in their order, without the last end of line."""
    import yaml  # noqa: PLC0415  30 ms that only this output needs

    text: str = yaml.dump(
        data, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, default_flow_style=False
    )
    return text.rstrip("\n")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, as kubectl prints them; an empty cell shows as ``-``."""
    lines = [list(headers), *([cell or "-" for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    return "\n".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def moment(at: dt.datetime) -> str:
    """A time as Kubernetes prints it: UTC, to the second."""
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
