"""All that can happen to previews, in any order, on a real cluster: the end is what was asked for last.

Hypothesis invents the orders. Nothing is awaited between two events but what the story itself says, so that
each meets the controller in the middle of the one before.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from kubepreview.core.wire import Object
from kubepreview.kube.errors import Invalid
from kubepreview.kube.resources import PREVIEWS
from tests.cluster.faults import life
from tests.cluster.faults.life import Life
from tests.cluster.faults.odds import odds_of
from tests.cluster.faults.proxy import pass_all
from tests.cluster.faults.scene import Scene, staged
from tests.cluster.machine import apply, kubectl, namespace
from tests.cluster.team import Team
from tests.cluster.witness import Witness, watching

# How many stories; more by KUBEPREVIEW_STORIES.
_STORIES = int(os.environ.get("KUBEPREVIEW_STORIES", "2"))  # noqa: TID251 - entry point of tests
_EVENTS = 25
_AT_ONCE = 3
_FIRST_NUMBER = 40_000
_SEED = 20261126
_BYSTANDER = "doomed-bystander"

T = TypeVar("T")


@dataclass
class Expected:
    """What was asked of a preview last.

    `asleep` is None where nobody can say: a visitor, or another commit, may have come before or after a wish
    was heeded. `slept_at`: the commit at which it was seen asleep. `approvals`: of a fork, the commits that
    somebody has approved; the last one holds.
    """

    one: Life
    state: str = ""
    commit: str = ""
    asleep: bool | None = False
    is_visited: bool = False
    slept_at: str = ""
    closings: int = 0
    is_fork: bool = False
    approvals: list[str] = field(default_factory=list)
    events: list[Object] = field(default_factory=list)

    @property
    def words(self) -> str:
        """What it is to be."""
        return f"{self.state} at {self.commit[:1]}, asleep: {self.asleep}, held back: {self.is_held_back}"

    @property
    def is_held_back(self) -> bool:
        """Whether nobody has approved what is asked for."""
        return self.is_fork and self.commit not in self.approvals[-1:]

    async def is_right(self, one: Life) -> bool:
        """Whether it is as it was asked for."""
        if self.state == "Closed":
            return await life.is_gone(one)
        if self.is_held_back:
            return await life.is_refused(one, "ApprovalMissing")
        if self.asleep is None:
            return await life.sleeps(one) or await life.serves(one, self.commit)
        return await (life.sleeps(one) if self.asleep else life.serves(one, self.commit))


class Stage:
    """The scene, in an event loop of its own: Hypothesis calls rules, which cannot wait for anything."""

    def __init__(self, scene: Scene, loop: asyncio.AbstractEventLoop, witness: Witness) -> None:
        self.scene, self.witness = scene, witness
        self._loop = loop
        self.rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it there, to its end."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


class Stories(RuleBasedStateMachine):
    """Pull requests, and what happens to them."""

    stage: Stage

    @initialize()
    def begin(self) -> None:
        """Nobody knows of any of them."""
        self.previews = [Expected(self.stage.scene.new_life()) for _ in range(_AT_ONCE)]
        # While a commit of a fork is not approved no wish is heeded: nobody can say whether it sleeps.
        self.previews[-1].is_fork, self.previews[-1].asleep = True, None

    _which = st.integers(0, _AT_ONCE - 1)

    @rule(which=_which, commit=st.sampled_from([life.FIRST, life.SECOND]))
    def push(self, which: int, commit: str) -> None:
        """A commit; it opens what is not open."""
        preview = self.previews[which]
        if not preview.is_fork and (preview.asleep is not False or preview.slept_at):
            is_news = preview.state == "Open" and preview.slept_at not in ("", commit)
            preview.asleep = False if is_news else None
        if preview.state:
            self._tell(preview, life.pushed(preview.one, commit))
        else:
            pull_request = {"number": preview.one.number, "fromFork": preview.is_fork}
            obj = life.opened(preview.one, **life.pushed(preview.one, commit), pullRequest=pull_request)
            self.stage.do(self.stage.scene.client.create(PREVIEWS, obj))
            preview.events.append({"state": "Open", "revision": obj["spec"]["revision"]})
        preview.state, preview.commit = "Open", commit

    @rule(which=_which)
    def close(self, which: int) -> None:
        """The pull request is closed."""
        preview = self.previews[which]
        if preview.state:
            self._tell(preview, life.closed())
            preview.closings += preview.state == "Open"
            preview.state = "Closed"

    @rule(which=_which)
    def approve(self, which: int) -> None:
        """Somebody who may approves what is asked for; of one that is no fork it changes nothing."""
        preview = self.previews[which]
        if preview.state:
            self.stage.do(preview.one.approve(preview.commit))
            preview.approvals.append(preview.commit)

    @rule(which=_which)
    def repeat(self, which: int) -> None:
        """The last event is delivered a second time."""
        preview = self.previews[which]
        if preview.events:
            self.stage.do(preview.one.patch(preview.events[-1]))

    @rule(which=_which, chance=st.randoms(use_true_random=False))
    def come_late(self, which: int, chance: random.Random) -> None:
        """An event of before is delivered once more: the apiserver refuses what knows less."""
        preview = self.previews[which]
        if len(preview.events) > 1:
            event = chance.choice(preview.events[:-1])
            with pytest.raises(Invalid):
                self.stage.do(preview.one.patch(event))

    @rule(which=_which, asleep=st.booleans())
    def wish(self, which: int, asleep: bool) -> None:  # noqa: FBT001 - as Hypothesis calls it
        """`sleep` or `wake`."""
        preview = self.previews[which]
        if preview.state == "Open":
            self.stage.do(preview.one.wish(asleep=asleep))
            preview.asleep = None if preview.is_fork or (asleep and preview.is_visited) else asleep
            preview.slept_at = ""

    @rule(which=_which)
    def wait(self, which: int) -> None:
        """Until it is as it was asked for; with a bad network that may take longer than a minute."""
        preview = self.previews[which]
        if preview.state and self.stage.scene.proxy.judge is pass_all:
            self.stage.do(preview.one.see(preview.words, preview.is_right))
            preview.slept_at = preview.commit if preview.asleep else ""

    @rule(which=_which)
    def visit(self, which: int) -> None:
        """Somebody comes, and does not wait for the answer."""
        preview = self.previews[which]
        preview.is_visited = True
        if preview.asleep:
            preview.asleep = None
        self.stage.do(preview.one.knock())

    @rule()
    def kill(self) -> None:
        """The controller crashes."""
        self.stage.scene.controller.kill()

    @rule(is_bad=st.booleans())
    def network(self, is_bad: bool) -> None:  # noqa: FBT001 - as Hypothesis calls it
        """Requests and answers get lost, or no more."""
        self.stage.scene.proxy.judge = odds_of(self.stage.rng) if is_bad else pass_all

    @rule()
    def expire(self) -> None:
        """Nobody has used any of them for longer than the project allows."""
        team = self.stage.scene.team
        team.decide(timeToLive="1s")
        for preview in self.previews:
            if preview.state == "Open":
                self.stage.do(preview.one.see("expired", _is_closed))
                preview.closings += 1
                preview.state = "Closed"
                preview.events.clear()
        team.decide(timeToLive="7d")

    @rule(milliseconds=st.integers(10, 2000))
    def moment(self, milliseconds: int) -> None:
        """A little later."""
        self.stage.do(asyncio.sleep(milliseconds / 1000))

    def teardown(self) -> None:
        """The network is well again: what was asked for last is there, and then all are closed."""
        self.stage.scene.proxy.judge = pass_all
        previews = getattr(self, "previews", ())
        asked = [each for each in previews if each.state]
        for each in asked:
            self.stage.do(each.one.see(each.words, each.is_right))
            assert self._deletions(each) <= each.closings
            assert not each.is_fork or self.stage.do(life.built(each.one)) <= set(each.approvals)
        for each in asked:
            self.stage.do(each.one.ask(life.DOWN))
        for each in asked:
            self.stage.do(each.one.reach(life.DOWN))
            self.stage.do(each.one.forget())
        for each in previews:
            self.stage.do(each.one.leave())

    def _tell(self, preview: Expected, event: Object) -> None:
        self.stage.do(preview.one.patch(event))
        preview.events.append({"state": event["state"], "revision": dict(event["revision"])})

    def _deletions(self, each: Expected) -> int:
        return sum(
            (seen.type, seen.kind, seen.name) == ("DELETED", "Namespace", each.one.space)
            for seen in self.stage.witness.seen
        )


async def _is_closed(one: Life) -> bool:
    return (await one.preview()).spec.state == "Closed"


@contextmanager
def _played(team: Team, folder: Path, witness: Witness) -> Iterator[Stage]:
    """The stage, for as long as the block lasts; forks may have previews there."""
    team.decide(forks="Approved")
    ready: Future[Stage] = Future()

    async def play() -> None:
        async with staged(team, folder, _FIRST_NUMBER) as scene:
            ready.set_result(Stage(scene, asyncio.get_running_loop(), witness))
            await asyncio.to_thread(over.wait)

    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(asyncio.run, play())
        try:
            yield ready.result(timeout=120)
        finally:
            over.set()
            playing.result()


@pytest.mark.timeout(600 + 120 * _STORIES)
def test_the_end_of_every_story_is_what_was_asked_for_last(doomed: Team, tmp_path: Path) -> None:
    """Open previews serve their commit or sleep, as asked, and of closed ones nothing is left.

    No preview that is open was deleted, no namespace of somebody else was touched, nothing was there without
    its guardrails, no event of before counted, and no commit of a fork was built that nobody had approved.
    """
    apply(doomed.cluster, namespace(_BYSTANDER, project="another"))
    bystander = kubectl(doomed.cluster, "get", "namespace", _BYSTANDER, "--output=yaml")
    with watching(doomed.cluster) as witness, _played(doomed, tmp_path, witness) as stage:
        Stories.stage = stage
        run_state_machine_as_test(
            Stories,
            settings=settings(
                max_examples=_STORIES,
                stateful_step_count=_EVENTS,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )

    assert kubectl(doomed.cluster, "get", "namespace", _BYSTANDER, "--output=yaml") == bystander
    assert witness.unguarded() == []
    kubectl(doomed.cluster, "delete", "namespace", _BYSTANDER)
