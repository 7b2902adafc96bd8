"""A deed in stages, each shown while it is done: for what the operators' commands do to a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from kubepreview.cli.streams import Streams
from kubepreview.cli.waiting import Progress, Step, progress


class Stage(Struct, frozen=True):
    """One stage: what it is called, and what it does. What it returns is shown beside its name."""

    name: str
    act: Callable[[], Awaitable[str]]


async def perform(streams: Streams, stages: Sequence[Stage]) -> None:
    """Do one after the other; the first error ends it, with its stage marked as failed."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with progress(streams, lambda: loop.time() - began) as shown:
        steps = [Step(stage.name, "pending") for stage in stages]
        for index, stage in enumerate(stages):
            _show(shown, steps, index, Step(stage.name, "running"))
            is_done = False
            try:
                detail = await stage.act()
                is_done = True
            finally:
                if not is_done:
                    _show(shown, steps, index, Step(stage.name, "failed"))
            _show(shown, steps, index, Step(stage.name, "done", detail))


def _show(shown: Progress, steps: list[Step], index: int, step: Step) -> None:
    steps[index] = step
    shown.show(steps)
