"""How long a command waits, as the user writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from kubepreview.core import durations


class Duration(click.ParamType[int]):
    """``90s``, ``5m`` or ``1h``, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse it, or tell how it is written."""
        try:
            return durations.seconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DurationText(click.ParamType[str]):
    """The same as it was written, for the cluster to count with."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it, or tell how it is written."""
        Duration().convert(value, param, ctx)
        return str(value)


def timeout_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--timeout``, passed as `timeout` in seconds; None where the command applies its `default`."""
    return click.option(
        "--timeout", type=Duration(), help=f"How long to wait: 90s, 5m, 1h.  [default: {default}]"
    )
