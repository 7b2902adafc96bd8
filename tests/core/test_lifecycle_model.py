"""The life of a preview under any order of events, with a controller that may be ended after any action.

What the controller writes down survives it, and nothing else does; every visit begins with what is there.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from kubepreview.core import kinds, plan, scales, status
from kubepreview.core.actions import Action, ApplyObjects, DeleteNamespace, Rescale, Wait
from kubepreview.core.health import health
from kubepreview.core.lifecycle import lifespan
from kubepreview.core.model import ObjectRef, Preview, Sleep
from kubepreview.core.observed import Observed
from kubepreview.core.sleep import decide
from kubepreview.core.wanted import Wanted
from kubepreview.core.wire import Object

from .examples import NOW, UID, asked, config_map, deployment, preview, project, service
from .world import World

_WEB = kinds.ref_of(deployment())
_MOST_VISITS = 30


class _Ended(Exception):
    """The controller's process, in the middle of a visit."""


class Life(RuleBasedStateMachine):
    """One preview, the cluster around it, and what people do."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.now = NOW
        self.project = project()
        self.generation = 1
        self.spec: Object = {}
        self.status: Object = {}
        # What the last who counted pods wants while it is awake.
        self.count = 1
        self.was_led_to = False
        self.knocks = 0

    @initialize(on_push=st.sampled_from(["Wake", "StayAsleep"]))
    def open(self, on_push: str) -> None:
        """Somebody asks for it."""
        self.project = project(sleepAfter="1h", onPush=on_push)
        self._write(revision=1, extra=False)

    # --- what people do ---------------------------------------------------------------------------

    @rule(extra=st.booleans())
    def push(self, extra: bool) -> None:  # noqa: FBT001 — as Hypothesis calls it
        """Another commit, with or without a second object; it opens what is closed."""
        self._write(revision=self.spec["revision"] + 1, extra=extra)

    @rule(asleep=st.booleans())
    @precondition(lambda self: not self.is_closed)
    def wish(self, asleep: bool) -> None:  # noqa: FBT001 — as Hypothesis calls it
        """`sleep` or `wake`."""
        self.generation += 1
        self.spec["sleep"] = {"id": f"wish-{self.generation}", "asleep": asleep}

    @rule()
    def close(self) -> None:
        """`down`."""
        self.generation += 1
        self.spec["state"] = "Closed"

    @rule()
    @precondition(lambda self: self.world.seen.gate.lease is not None)
    def come(self) -> None:
        """A visitor of a sleeping preview, of whom the gateway tells."""
        gate = self.world.seen.gate
        self.knocks += 1
        lease = {**(gate.lease or {}), "spec": {"renewTime": f"knock-{self.knocks}"}}
        self.world.seen = replace(self.world.seen, gate=replace(gate, lease=lease))

    @rule(many=st.integers(1, 4))
    @precondition(lambda self: self._count() not in (None, 0))
    def scale(self, many: int) -> None:
        """A person, or an autoscaler, counts pods anew."""
        self.world.scale(_WEB, many)
        self.count = many

    @rule(hours=st.integers(1, 2))
    def wait(self, hours: int) -> None:
        """Nobody comes."""
        self.now += dt.timedelta(hours=hours)

    # --- what the cluster does --------------------------------------------------------------------

    @rule()
    def start_pods(self) -> None:
        """The kubelet catches up with the counts."""
        self.world.run_pods()

    @rule(kind=st.sampled_from(["Service", "ResourceQuota", "route"]))
    def lose(self, kind: str) -> None:
        """Somebody deletes something."""
        seen = self.world.seen
        if kind == "route" and seen.gate.ingress is not None:
            self.world.seen = replace(seen, route=None)
        self.world.seen = replace(
            self.world.seen,
            objects={ref: obj for ref, obj in seen.objects.items() if ref.kind != kind},
            guardrails={ref: obj for ref, obj in seen.guardrails.items() if ref.kind != kind},
        )

    # --- what the controller does -----------------------------------------------------------------

    @rule(ended_after=st.integers(0, 6))
    def visit_and_end(self, ended_after: int) -> None:
        """A visit, in which the process is ended after so many actions."""
        with suppress(_Ended):
            self._visit(ended_after)

    @rule()
    def visit(self) -> None:
        """A whole visit."""
        self._visit()

    @property
    def is_closed(self) -> bool:
        """As it is asked for."""
        return bool(self.spec.get("state") == "Closed")

    def _write(self, *, revision: int, extra: bool) -> None:
        if self.spec:
            self.generation += 1
        self.spec = {**self.spec, "revision": revision, "extra": extra, "state": "Open"}

    def _preview(self) -> Preview:
        web = deployment(image=f"registry.example.com/web@sha256:{self.spec['revision']:064}")
        manifests = [web, service(), *([config_map("extra")] if self.spec["extra"] else [])]
        fields: dict[str, Any] = {"state": self.spec["state"]}
        fields["revision"] = {"sha": f"{self.spec['revision']:040}", "observedAt": "2026-01-02T03:04:05Z"}
        if "sleep" in self.spec:
            fields["lifetime"] = {"sleep": self.spec["sleep"]}
        of = preview(*manifests, status=self.status, **fields)
        return replace(of, metadata=replace(of.metadata, generation=self.generation))

    def _visit(self, ended_after: int = 1000) -> None:
        of = self._preview()
        if of.spec.state == "Closed":
            self._close(of, ended_after)
            return
        sleep = of.status.sleep
        knock = self.world.seen.gate.knock if sleep and sleep.gated else ""
        visited_at = self.now if sleep and knock not in ("", sleep.knock) else None
        life = lifespan(of, self.project.spec, visited_at, self.now)
        is_tired = self.now - life.activity.at >= dt.timedelta(hours=1)
        decided = decide(of, self.project.spec, knock, self.now, is_tired=is_tired)
        wanted = asked(of, self.project, is_asleep=decided.asleep)
        if decided.asleep:
            self._keep(replace(of.status, sleep=decided))
        actions = self._converge(wanted, ended_after)
        self._say(life, decided, wanted, actions)

    def _converge(self, wanted: Wanted, ended_after: int) -> tuple[Action, ...]:
        done = 0
        for _ in range(10):
            actions = plan.plan_open(wanted, self._seen(), self.world.record, UID)
            if all(isinstance(each, Wait) for each in actions):
                return actions
            for action in actions:
                if done == ended_after:
                    raise _Ended
                self._do(action)
                done += 1
        raise AssertionError(f"it never settles: {self.world.log}")

    def _seen(self) -> Observed:
        """The gate is looked at while it is on record that there may be one."""
        sleep = self._preview().status.sleep
        seen = self.world.seen
        return seen if sleep and sleep.gated else replace(seen, gate=Observed().gate)

    def _do(self, action: Action) -> None:
        seen = self.world.seen
        if isinstance(action, ApplyObjects):
            guards = {kinds.ref_of(obj) for obj in asked(self._preview(), self.project).guardrails}
            assert guards <= set(seen.guardrails), "a pull request's object without its guardrails"
        if isinstance(action, ApplyObjects | Rescale) and (ended := self._ended(action)):
            assert seen.gate.ingress, "pods end for a host that nobody answers for"
            assert seen.route is None, "pods end while visitors are led to them"
            recorded = {scale.object for scale in action.record.scales if scale.replicas}
            assert ended <= recorded, "a count is forgotten"
        self.world.do((action,))
        if isinstance(action, ApplyObjects | Rescale):
            before = self._preview().status
            sleep = before.sleep and replace(before.sleep, scales=action.record.scales)
            known = tuple(dict.fromkeys((*before.inventory, *action.record.inventory)))
            self._keep(replace(before, inventory=known, sleep=sleep))
        self.somebody_answers()

    def _ended(self, action: ApplyObjects | Rescale) -> set[ObjectRef]:
        """The workloads that have pods, and will have none."""
        live = self.world.seen.objects
        zeroed = {kinds.ref_of(obj) for obj in action.objects if obj.get("spec", {}).get("replicas") == 0}
        return {ref for ref in zeroed if ref in live and scales.count(live[ref])}

    def _say(self, life: Any, decided: Sleep, wanted: Wanted, actions: tuple[Action, ...]) -> None:
        of, seen = self._preview(), self._seen()
        sleep = replace(decided, scales=of.status.sleep.scales if of.status.sleep else ())
        waiting = next((each.what for each in actions if isinstance(each, Wait)), "")
        found = status.Visit(
            lifespan=life,
            sleep=sleep,
            wanted=wanted,
            observed=seen,
            health=health(wanted, seen),
            waiting_for=waiting,
        )
        self._keep(status.status_of_open(of, found, self.now))

    def _close(self, of: Preview, ended_after: int) -> None:
        for action in plan.plan_closed(self._seen(), UID)[:ended_after]:
            if not isinstance(action, Wait):
                self.world.do((action,))
            if isinstance(action, DeleteNamespace):
                self.was_led_to = False
        self._keep(status.status_of_closed(of, self._seen(), self.now))

    def _keep(self, new: Any) -> None:
        self.status = msgspec.to_builtins(new)
        sleep = new.sleep
        self.world.record = replace(
            self.world.record, inventory=new.inventory, scales=sleep.scales if sleep else ()
        )

    def _count(self) -> int | None:
        live = self.world.seen.objects.get(_WEB)
        return scales.count(live) if live else None

    # --- what always holds ------------------------------------------------------------------------

    @invariant()
    def somebody_answers(self) -> None:
        """Once it had a way in, an open preview has one, whoever is ended and whenever."""
        seen = self.world.seen
        is_led_to = seen.route is not None or seen.gate.ingress is not None
        if self.is_closed or not self.spec:
            self.was_led_to = False
        elif is_led_to:
            self.was_led_to = True
        else:
            assert not self.was_led_to, self.world.log

    def teardown(self) -> None:
        """Left alone with its controller, it ends as it is asked for, and closed it leaves nothing."""
        if not self.spec:
            return
        self._settle()
        if not self.is_closed:
            of = self._preview()
            assert set(self.world.seen.objects) == {kinds.ref_of(obj) for obj in of.spec.manifests}
            assert of.status.sleep is not None
            assert (self._count() == 0) == of.status.sleep.asleep
            if not of.status.sleep.asleep:
                assert self.world.seen.route is not None
                assert self.world.seen.gate.objects == ()
                assert of.status.sleep.scales == ()
        self.close()
        self._settle()
        assert (self.world.seen.namespace, self.world.seen.gate.objects) == (None, ())

    def _settle(self) -> None:
        for _ in range(_MOST_VISITS):
            if not self.is_closed:
                self.world.run_pods()
            before = (self.status, len(self.world.log))
            self._visit()
            if before == (self.status, len(self.world.log)):
                return
        raise AssertionError(f"it never settles: {self.world.log[-20:]}")


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=30, stateful_step_count=25)
