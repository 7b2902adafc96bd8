"""`make bench`: measure everything, print a table, write latest.json."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import applied, contest, crowd, down, feedback, isolation, memory, start, up, wake
from benchmarks.contest import Result
from kubepreview.cli import places
from kubepreview.localcluster import cluster
from kubepreview.localcluster.cluster import ClusterOptions
from tests.cluster.team import Team

_NAME = "kubepreview-bench"
_LATEST = Path(__file__).with_name("latest.json")
_ON_THE_CLUSTER: Sequence[tuple[str, Callable[[Team], Iterator[Result]]]] = (
    ("a", up.results),
    ("b", applied.results),
    ("c", down.results),
    ("e", memory.results),
    ("f", wake.results),
    ("i", crowd.results),
    ("l", feedback.results),
    ("n", isolation.results),
)


def main(wanted: Sequence[str]) -> None:
    """Measure the benchmarks that are named, or all; each result is told as soon as it is there.

    latest.json keeps what was not measured anew.
    """
    print(contest.HEAD)
    measured = [_told(result) for result in start.results()] if _is_wanted("d", wanted) else []
    chosen = [results for name, results in _ON_THE_CLUSTER if _is_wanted(name, wanted)]
    if chosen:
        measured += _on_a_cluster(chosen)
    _keep(measured)


def _keep(measured: Sequence[Result]) -> None:
    before = json.loads(_LATEST.read_text()) if _LATEST.exists() else []
    rows = {row["id"]: row for row in (*before, *(result.as_json() for result in measured))}
    _LATEST.write_text(json.dumps(sorted(rows.values(), key=lambda row: row["id"]), indent=1) + "\n")


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or name in wanted


def _told(result: Result) -> Result:
    print(contest.line(result), flush=True)
    return result


def _on_a_cluster(benchmarks: Sequence[Callable[[Team], Iterator[Result]]]) -> list[Result]:
    environ = dict(os.environ)  # noqa: TID251 - an entry point reads it
    state_root = places.state(environ)
    options = ClusterOptions(
        state_root=state_root, cache=places.cache(environ), name=_NAME, ingress_port=0, registry_port=0
    )
    try:
        running = asyncio.run(cluster.up(options, lambda _progress: None))
        with tempfile.TemporaryDirectory() as folder:
            team = Team.settled(running, Path(folder), options.cache)
            # As kubectl's do, which most of this is measured against; what waiting costs is measured alone.
            team.decide(podStart="AtOnce")
            return [_told(result) for results in benchmarks for result in results(team)]
    finally:
        asyncio.run(cluster.down(state_root, _NAME))


main(sys.argv[1:])
