"""Contestants in turn, and what their times say."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

ROUNDS = 10
# The kubelet looks at its containers once a second, and probes them once a second: what begins right after
# something else has ended would fall into the same part of that second each time, for good or ill.
_PHASE_S = 1.0
_chance = random.Random(20261126)  # noqa: S311 - repeatable, not secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the table. Times are seconds; `goal` is a bound on `value`, in words in `what`.

    `spread` is the smallest and the largest of ours, and of theirs where there is another.
    """

    id: str
    what: str
    ours: float
    theirs: float | None
    goal: float
    value: float
    n: int
    spread: tuple[float, ...]
    unit: str = "s"

    def as_json(self) -> dict[str, Any]:
        """The line as latest.json has it."""
        ratio = round(self.ours / self.theirs, 3) if self.theirs else None
        return {
            "id": self.id,
            "what": self.what,
            "ours": round(self.ours, 4),
            "theirs": None if self.theirs is None else round(self.theirs, 4),
            "ratio": ratio,
            "goal": self.goal,
            "holds": self.value <= self.goal,
            "n": self.n,
            "spread": [round(each, 4) for each in self.spread],
            "unit": self.unit,
        }


def begin_at_random() -> None:
    """Wait until a random moment of the cluster's second."""
    time.sleep(_chance.random() * _PHASE_S)


def seconds(deed: Callable[[], object]) -> float:
    """How long a deed of the cluster took, begun at a random moment."""
    begin_at_random()
    return seconds_at_once(deed)


def seconds_at_once(deed: Callable[[], object]) -> float:
    """How long the deed took, begun now."""
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began


def compared(name: str, what: str, *, goal: float, ours: Sequence[float], theirs: Sequence[float]) -> Result:
    """The medians of two contestants; the goal bounds their ratio."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    return Result(
        id=name,
        what=what,
        ours=mine,
        theirs=other,
        goal=goal,
        value=mine / other,
        n=len(ours),
        spread=(min(ours), max(ours), min(theirs), max(theirs)),
    )


def bounded(
    name: str, what: str, *, goal: float, values: Sequence[float], percentile: int = 50, unit: str = "s"
) -> Result:
    """One contestant; the goal bounds the percentile of its rounds."""
    value = statistics.quantiles(values, n=100, method="inclusive")[percentile - 1]
    return Result(
        id=name,
        what=what,
        ours=value,
        theirs=None,
        goal=goal,
        value=value,
        n=len(values),
        spread=(min(values), max(values)),
        unit=unit,
    )


def line(result: Result) -> str:
    """The result for people."""
    shown = result.as_json()
    theirs = "" if shown["theirs"] is None else f"{shown['theirs']:10.3f}"
    ratio = "" if shown["ratio"] is None else f"{shown['ratio']:7.2f}"
    spread = " ".join(f"{each:.2f}" for each in result.spread)
    verdict = "holds" if shown["holds"] else "MISSED"
    return (
        f"{result.id:<10}{result.ours:10.3f}{theirs:>10}{ratio:>8}{result.goal:8.2f}  {verdict:<7}"
        f"{result.n:4}  {result.what} [{result.unit}; {spread}]"
    )


HEAD = f"{'id':<10}{'ours':>10}{'theirs':>10}{'ratio':>8}{'goal':>8}  {'':<7}{'n':>4}  what [unit; spread]"
