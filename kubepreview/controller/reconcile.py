"""One visit to one preview: read, judge, plan, act, and say what was seen."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kubepreview.controller import evidence
from kubepreview.controller.act import act, no_record, repair
from kubepreview.controller.comparing import compare
from kubepreview.controller.observe import (
    find_namespace,
    look_at_all,
    look_at_gate,
    observe,
    observe_closing,
)
from kubepreview.controller.report import (
    expire,
    failure_of,
    recorded,
    tell_of_repairs,
    write_record,
    write_sleep,
    write_status,
)
from kubepreview.controller.tools import Tools
from kubepreview.core import conditions, handover, kinds, lookout, names, pacing, plan, status
from kubepreview.core.acceptance import Accepted, accept, without_project
from kubepreview.core.actions import Action, ApplyObjects, DeleteNamespace, Record, SendLookouts, Wait
from kubepreview.core.health import Health, health
from kubepreview.core.lifecycle import Lifespan, lifespan
from kubepreview.core.model import Held, Preview, Sleep, Slot
from kubepreview.core.observed import Answer, Gate, Observed
from kubepreview.core.project_spec import PreviewProject, ProjectSpec
from kubepreview.core.sleep import decide, tires_at
from kubepreview.core.wanted import Wanted, wanted
from kubepreview.kube.resources import PREVIEW_PROJECTS, PREVIEWS
from kubepreview.kube.store import Key
from kubepreview.kube.together import as_one

# Batches in one visit. An open preview takes four from nothing to everything applied.
_MOST_BATCHES: Final = 8

# Before the look at what was applied: nothing runs sooner, and to look at once would take from the pods the
# processor that they start on.
_APPLIED_S: Final = 0.15
# How long one visit waits for the ingress to follow, once, when the pods have just become available.
_INGRESS_LAG_S: Final = 1.0


async def reconcile(key: Key, tools: Tools) -> float | None:
    """Bring one preview closer to what it asks for. Returns after how many seconds to look again.

    Raises whatever kept it from knowing or doing; the worker then tries again later.
    """
    namespace, name = key
    async with as_one() as group:
        finding = group.create_task(tools.cluster.find(PREVIEWS, name, namespace))
        listing = group.create_task(tools.cluster.list(PREVIEW_PROJECTS, namespace))
    found, projects = finding.result(), listing.result()
    if found is None:
        return None
    preview = msgspec.convert(found, Preview)
    project = next((each for each in projects if each["metadata"]["name"] == preview.spec.project), None)
    if preview.spec.state == "Closed":
        return await _close(preview, msgspec.convert(project, PreviewProject) if project else None, tools)
    if project is None:
        await write_status(
            tools, preview, status.status_of_rejected(preview, without_project(preview), tools.now())
        )
        return pacing.STEADY_S
    return await _open(preview, msgspec.convert(project, PreviewProject), tools)


async def _open(preview: Preview, project: PreviewProject, tools: Tools) -> float:
    now = tools.now()
    knock = await _knock(preview, project.spec, tools)
    life = lifespan(preview, project.spec, _visited_at(preview, knock, tools), now)
    is_steady = tools.cluster.clock.is_steady()
    if life.is_over(now) and is_steady:
        await expire(tools, preview)
        return pacing.CLOSING_S
    verdict = accept(preview, project)
    if isinstance(verdict, Accepted):
        due = _tires_at(preview, project.spec, life, tools)
        is_tired = due is not None and due <= now and is_steady
        decided = decide(preview, project.spec, knock, now, is_tired=is_tired)
        again_after_s = await _seated(preview, verdict, life, decided, tools)
        again_after_s = pacing.until(None if decided.asleep else due, tools.now(), again_after_s)
    else:
        rejected = status.status_of_rejected(preview, verdict, now, life)
        await write_status(tools, preview, rejected)
        again_after_s = pacing.STEADY_S
    return life.look_again_after_s(again_after_s, tools.now())


async def _seated(preview: Preview, accepted: Accepted, life: Lifespan, sleep: Sleep, tools: Tools) -> float:
    """Build it, if there is room for it; else it waits in the queue, and a sleeping one stays asleep."""
    key, limit = (preview.metadata.namespace, preview.metadata.name), accepted.project.max_previews
    if sleep.asleep or not tools.rooms.is_limited(limit):
        tools.rooms.leave(key)
        return await _build(preview, accepted, life, sleep, tools)
    room = tools.rooms.ask(key, limit)
    if not room.place(key):
        return await _build(preview, accepted, life, sleep, tools, slot=Slot(held=True))
    now, before = tools.now(), preview.status
    since = before.slot.waits_since if before.slot else None
    slot = Slot(waits_since=since or now, place=room.place(key))
    if before.sleep and before.sleep.asleep:
        await _build(preview, accepted, life, before.sleep, tools, slot=slot, queued=room.told(key))
    else:
        queued = status.status_of_queued(preview, room.told(key), slot, now, life)
        await write_status(tools, preview, queued)
    return pacing.QUEUED_S


async def _knock(preview: Preview, project: ProjectSpec, tools: Tools) -> str:
    """The last visit that the gateway told of, while it may answer for the host."""
    space = names.namespace_name(project, preview.spec.pull_request.number)
    return (await look_at_gate(tools.cluster, _if_gated(preview), space)).knock


def _if_gated(preview: Preview) -> Key | None:
    """Its key, while the gateway may answer for it."""
    sleep = preview.status.sleep
    return (preview.metadata.namespace, preview.metadata.name) if sleep and sleep.gated else None


def _visited_at(preview: Preview, knock: str, tools: Tools) -> dt.datetime | None:
    """When somebody was there last, as far as is known. The time of a knock is not read: it is not ours."""
    sleep = preview.status.sleep
    if sleep and knock not in ("", sleep.knock):
        return tools.now()
    last = tools.visits.last((preview.metadata.namespace, preview.metadata.name))
    connected = sleep.held.at if sleep and sleep.held and sleep.held.connections else None
    return max((at for at in (last, connected) if at), default=None)


def _tires_at(preview: Preview, project: ProjectSpec, life: Lifespan, tools: Tools) -> dt.datetime | None:
    """When it falls asleep by itself; None while nobody would know that it is visited."""
    if tools.visits.trouble(project.route.ingress_namespace):
        return None
    return tires_at(project, life.activity, preview.status.sleep.held if preview.status.sleep else None)


class _Converged(Struct, frozen=True):
    """Where observing, planning and acting came to; the preview is as last written."""

    preview: Preview
    observed: Observed
    actions: tuple[Action, ...] = ()
    refusals: tuple[str, ...] = ()
    held: Held | None = None

    @property
    def is_applied(self) -> bool:
        """Whether everything is there as wanted."""
        return not self.actions and not self.refusals

    @property
    def waiting_for(self) -> str:
        """What must be seen first, in words."""
        return next((each.what for each in self.actions if isinstance(each, Wait)), "")

    def as_recorded(self, sleep: Sleep) -> Sleep:
        """What was decided, with the counts that were recorded on the way."""
        return replace(sleep, scales=recorded(self.preview).scales, held=self.held or sleep.held)


async def _build(  # noqa: PLR0913 — what was decided of it
    preview: Preview,
    accepted: Accepted,
    life: Lifespan,
    sleep: Sleep,
    tools: Tools,
    *,
    slot: Slot | None = None,
    queued: str = "",
) -> float:
    asked = _wanted(preview, accepted, sleep, queued, tools.now())
    preview = await write_sleep(tools, preview, sleep)
    reached = _with_what_holds(await _converge(preview, accepted.project, asked, tools), asked)
    preview, observed = reached.preview, reached.observed
    judged = health(asked, observed)
    answer = await _ask(reached, accepted, asked, judged, tools)
    trouble = judged.trouble if reached.is_applied and not asked.is_asleep else None
    visit = status.Visit(
        lifespan=life,
        sleep=reached.as_recorded(sleep),
        slot=slot,
        queued=queued,
        visitors=_visitors(accepted.project, tools),
        wanted=asked,
        observed=observed,
        health=judged,
        answer=answer,
        refusals=reached.refusals,
        waiting_for=reached.waiting_for,
        failure=await failure_of(tools, preview, asked.space, trouble),
    )
    new = status.status_of_open(preview, visit, tools.now())
    new = replace(new, compared=await compare(tools, preview, accepted.project, new))
    if visit.failure and ("Failed", asked.sha) not in {(each.reason, each.sha) for each in new.evidence}:
        failed = replace(preview, status=new)
        kept = await evidence.keep(tools, failed, accepted.project, "Failed", observed.pods)
        new = replace(new, evidence=kept)
    written = await write_status(tools, preview, new)
    return pacing.of_open(written, visit, tools.now())


def _wanted(preview: Preview, accepted: Accepted, sleep: Sleep, queued: str, now: dt.datetime) -> Wanted:
    asked = wanted(accepted.project, preview, accepted.entry, is_asleep=sleep.asleep)
    looking = lookout.lookout(sleep, accepted.project, now)
    return replace(asked, sleeper=replace(asked.sleeper, message=queued), lookout=looking)


def _visitors(project: ProjectSpec, tools: Tools) -> str:
    """What is to be said of how visitors are seen; nothing where all is well, or where it does not matter."""
    if project.sleep_after == "Never" or tools.visits.is_settling:
        return ""
    place = project.route.ingress_namespace
    if trouble := tools.visits.trouble(place):
        return f"it stays awake: {trouble}"
    anyone = tools.visits.anyone(place)
    return f"whoever asks keeps it awake, robots too: {anyone}" if anyone else ""


async def _converge(preview: Preview, project: ProjectSpec, asked: Wanted, tools: Tools) -> _Converged:
    """Observe, plan, act, until the plan is empty, can only wait, or is refused."""
    current = preview

    async def record(needed: Record) -> None:
        nonlocal current
        current = await write_record(tools, current, needed)

    for batch in range(_MOST_BATCHES):
        before = recorded(current)
        observed = await observe(
            tools.cluster,
            asked.space,
            (*before.inventory, *asked.refs),
            may_be_absent=batch == 0 and not preview.status.namespace,
            gate_of=_if_gated(current),
        )
        if batch == 0 and await _repaired(current, asked, observed, tools):
            continue
        if handover.is_led_to_the_gateway(asked, observed):
            observed = replace(observed, gate=await _gate_asked(current, project, asked, observed, tools))
        actions = plan.plan_open(asked, observed, before, preview.metadata.uid)
        if all(isinstance(action, Wait) for action in actions):
            return _Converged(current, observed, actions)
        refusals = await act(tools.cluster, actions, record)
        if refusals:
            return _Converged(current, observed, actions, refusals)
        if any(isinstance(action, ApplyObjects) for action in actions):
            await asyncio.sleep(_APPLIED_S)
    return _Converged(current, observed, (Wait("the apiserver to show what was written"),))


def _with_what_holds(reached: _Converged, asked: Wanted) -> _Converged:
    """With what keeps it awake after all: visitors who are connected, or nobody who may look for them."""
    if not asked.lookout:
        return reached
    if not any(isinstance(each, SendLookouts) for each in reached.actions):
        return replace(reached, held=lookout.held(asked, reached.observed))
    why = lookout.unseen("; ".join(reached.refusals))
    return replace(reached, refusals=(), held=Held(at=asked.lookout.now, why=why[:1024]))


async def _gate_asked(
    preview: Preview, project: ProjectSpec, asked: Wanted, observed: Observed, tools: Tools
) -> Gate:
    """The gate, after its host was asked; no answer counts if a visitor has come meanwhile."""
    answers = await tools.prober.is_gateway_firmly(project, asked)
    gate = await look_at_gate(tools.cluster, _if_gated(preview), asked.space)
    return replace(gate, answers=answers and gate.knock == observed.gate.knock)


async def _repaired(preview: Preview, asked: Wanted, observed: Observed, tools: Tools) -> bool:
    """Put back what somebody else has changed, and tell of it. Whether there was anything."""
    drifted = plan.plan_repair(asked, observed, preview.metadata.uid)
    if drifted:
        await tell_of_repairs(tools, preview, await repair(tools.cluster, drifted))
    return bool(drifted)


async def _ask(
    reached: _Converged, accepted: Accepted, asked: Wanted, judged: Health, tools: Tools
) -> Answer | None:
    """What its address answers; None while there is no route, or nothing that could answer."""
    before = reached.preview.status.served
    if asked.is_asleep or reached.observed.gate.objects:
        return None
    if reached.observed.route is None or (not judged.is_settled and before is None):
        return None
    shas = {asked.sha} | ({before.sha} if before else set())
    if not (reached.is_applied and judged.is_settled):
        return await tools.prober.ask(accepted.project, asked, shas)
    available = conditions.find(reached.preview.status, conditions.AVAILABLE)
    is_news = available is None or available.status != "True"
    # The ingress learns of new pods a moment after the apiserver does.
    patience_s = _INGRESS_LAG_S if is_news else 0.0
    return await tools.prober.ask_firmly(accepted.project, asked, shas, patience_s=patience_s)


async def _observe_closing(preview: Preview, tools: Tools) -> Observed:
    gated = _if_gated(preview)
    namespace = await find_namespace(tools.cluster, preview)
    if namespace is not None:
        refs = (*preview.status.inventory, *map(kinds.ref_of, preview.spec.manifests))
        allowed = [ref for ref in refs if (ref.api_version, ref.kind) in kinds.ALLOWED]
        return await observe_closing(tools.cluster, namespace, allowed, gate_of=gated)
    # The namespace is gone, whoever ended it; what led there may not be.
    known_as = preview.status.receipt.namespace if preview.status.receipt else preview.status.namespace
    return Observed(gate=await look_at_gate(tools.cluster, gated, known_as))


async def _close(preview: Preview, project: PreviewProject | None, tools: Tools) -> float:
    observed = await _observe_closing(preview, tools)
    actions = plan.plan_closed(observed, preview.metadata.uid)
    for action in actions:
        if isinstance(action, DeleteNamespace):
            # The last look at what may hold the namespace: the right to read goes with its RoleBindings.
            space = str(action.namespace["metadata"]["name"])
            observed = replace(observed, objects=await look_at_all(tools.cluster, space))
    kept = preview.status.evidence
    if project and preview.status.receipt is None and observed.belongs_to(preview.metadata.uid):
        # Before the first of it ends.
        kept = await evidence.keep(tools, preview, project.spec, "Closed", observed.pods)
    await act(tools.cluster, actions, no_record)
    closed = status.status_of_closed(preview, observed, tools.now())
    await write_status(tools, preview, replace(closed, evidence=kept))
    return pacing.of_closed(observed.terminating_since, tools.now(), is_over=not actions)
