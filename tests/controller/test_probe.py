"""What the probe makes of an ingress that learns of new pods a little late."""

from __future__ import annotations

import pytest

from kubepreview.controller.probe import Prober
from kubepreview.core.observed import Answer
from kubepreview.core.project_spec import ProjectSpec
from tests.core.examples import OLD_SHA, SHA, asked, project
from tests.kube.oddserver import HANG_UP, SILENCE, OddServer, answer, odd_server

_NEW, _OLD = answer(200, f"at {SHA}"), answer(200, f"at {OLD_SHA}")
_BAD = answer(502, "Bad Gateway")
# More than any of these takes: it bounds a test that would go on for ever.
_PATIENCE_S = 30.0


def _spec(server: OddServer) -> ProjectSpec:
    route = {"ingressClassName": "x", "ingressNamespace": "x", "address": f"127.0.0.1:{server.port}"}
    return project(route=route).spec


async def _asked(server: OddServer, *, patience_s: float) -> Answer:
    async with Prober() as prober:
        return await prober.ask_firmly(_spec(server), asked(), {SHA, OLD_SHA}, patience_s=patience_s)


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        ((_NEW,), 3),
        ((_OLD, _NEW), 4),
        ((_NEW, _NEW, _OLD, _NEW), 6),
        ((_BAD, HANG_UP, _NEW), 5),
        ((SILENCE, _NEW), 4),
    ],
    ids=["at once", "after the old", "after both in turn", "after no good answer", "after a pod is no more"],
)
async def test_a_revision_counts_when_it_answers_several_times_in_a_row(
    answers: tuple[bytes, ...], requests: int
) -> None:
    """Whatever comes before, also one answer of the earlier revision in between, begins the count anew."""
    async with odd_server(*answers) as server:
        seen = await _asked(server, patience_s=_PATIENCE_S)

    assert (seen.code, seen.shas) == (200, frozenset({SHA}))
    assert len(server.requests) == requests


async def test_without_patience_the_first_other_answer_is_the_answer() -> None:
    """It is told as it is: the earlier revision."""
    async with odd_server(_OLD, _NEW) as server:
        seen = await _asked(server, patience_s=0)

    assert seen.shas == frozenset({OLD_SHA})
    assert len(server.requests) == 1
