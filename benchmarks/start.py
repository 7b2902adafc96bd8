"""(d) How long the command line takes to say anything."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.command import KUBEPREVIEW, environ
from benchmarks.contest import Result, seconds_at_once

_ROUNDS = 20
_GOAL_S = 0.120


def results() -> Iterator[Result]:
    """`kubepreview --help` beside an interpreter that does nothing; the goal bounds the difference."""
    commands = ([*KUBEPREVIEW, "--help"], [sys.executable, "-c", "pass"])
    run = partial(subprocess.run, check=True, capture_output=True, env=environ())
    run(commands[0])  # what is installed has its byte code; here the first run makes it
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(_ROUNDS):
        for command, times in zip(commands, (ours, theirs), strict=True):
            times.append(seconds_at_once(partial(run, command)))
    mine, other = statistics.median(ours), statistics.median(theirs)
    yield Result(
        id="d",
        what="`kubepreview --help` against `python -c pass`; the goal bounds the difference",
        ours=mine,
        theirs=other,
        goal=_GOAL_S,
        value=mine - other,
        n=_ROUNDS,
        spread=(min(ours), max(ours), min(theirs), max(theirs)),
    )
