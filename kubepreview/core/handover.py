"""Who answers for a preview's host, and how it changes hands without a request lost.

Falling asleep: the gateway is told, then the preview's route goes; the pods go when the gateway was seen to
answer. Waking: the pods come, the gateway passes on what it has held, then the preview gets its route, and
the gateway is dismissed last. At any moment somebody answers, and a crash in between changes nothing: each
step follows from what is there.
"""

from __future__ import annotations

from msgspec.structs import replace

from kubepreview.core import gateway, keys, lookout, scales
from kubepreview.core.actions import (
    Action,
    ApplyGate,
    ApplyRoute,
    DeleteGate,
    DeleteRoute,
    Record,
    Rescale,
    SendLookouts,
    Wait,
)
from kubepreview.core.endpoints import ready_endpoints
from kubepreview.core.gateway import Sleeper
from kubepreview.core.health import health
from kubepreview.core.model import Scale
from kubepreview.core.observed import Observed
from kubepreview.core.wanted import Wanted, applied_hash, hashed
from kubepreview.core.wire import Object


def plan_handover(wanted: Wanted, observed: Observed, record: Record) -> tuple[Action, ...]:
    """The next batch: what brings the host, and the pods, to where they belong."""
    if wanted.is_asleep:
        return _towards_the_gateway(wanted, observed, record)
    restored = _rescale(observed, scales.to_restore(_live(wanted, observed), record.scales), record)
    if not observed.gate.objects:
        return (*restored, *_plan_route(wanted, observed))
    if restored:
        return (*restored, *_plan_gate(wanted, observed, replace(wanted.sleeper, state="Waking")))
    return _towards_the_preview(wanted, observed)


def is_led_to_the_gateway(wanted: Wanted, observed: Observed) -> bool:
    """Whether the pods may go as soon as the gateway is seen to answer."""
    if not wanted.is_asleep or observed.route is not None or observed.gate.ingress is None:
        return False
    seen = lookout.sighting(wanted, observed)
    if seen.is_out or seen.holds:
        return False
    return bool(scales.running(_live(wanted, observed)))


def _towards_the_gateway(wanted: Wanted, observed: Observed, record: Record) -> tuple[Action, ...]:
    if observed.route is not None and not observed.gate.is_running:
        # Nobody would answer.
        return (Wait(f"Deployment/{keys.GATEWAY} in namespace {keys.GATEWAY_NAMESPACE} to be available"),)
    gate = _plan_gate(wanted, observed, wanted.sleeper)
    if observed.route is not None:
        return (*gate, DeleteRoute(observed.route))
    running = scales.running(_live(wanted, observed))
    if gate or not running:
        return gate
    return _waiting(wanted, observed) or _watching(wanted, observed) or _zero(observed, running, record)


def _waiting(wanted: Wanted, observed: Observed) -> tuple[Action, ...]:
    """What keeps the pods for now; nothing when they may go."""
    seen = lookout.sighting(wanted, observed)
    if seen.is_out:
        return (Wait("visitors who are still connected"),)
    if seen.holds:
        return (Wait("its route: it stays awake"),)
    if not observed.gate.answers:
        return (Wait(f"the gateway to answer for {wanted.host}"),)
    return ()


def _watching(wanted: Wanted, observed: Observed) -> tuple[Action, ...]:
    """A lookout for each pod that has none yet; nobody new can connect to it any more."""
    sent, unwatched = wanted.lookout, lookout.sighting(wanted, observed).unwatched
    if not sent or not unwatched:
        return ()
    own, image = tuple(lookout.addresses(observed.pods)), observed.gate.image
    return (SendLookouts(tuple((pod, lookout.posted(pod, sent, image, own)) for pod in unwatched)),)


def _zero(observed: Observed, running: tuple[Scale, ...], record: Record) -> tuple[Action, ...]:
    zero = tuple(replace(scale, replicas=0) for scale in running)
    return _rescale(observed, zero, replace(record, scales=scales.merged(record.scales, running)))


def _towards_the_preview(wanted: Wanted, observed: Observed) -> tuple[Action, ...]:
    judged = health(wanted, observed)
    endpoints = ready_endpoints(wanted.entry, observed)
    if judged.is_settled or (endpoints and judged.trouble):
        told = replace(wanted.sleeper, state="Awake", endpoints=endpoints)
    elif judged.trouble:
        message = f"{judged.trouble.object}: {judged.trouble.message}"
        told = replace(wanted.sleeper, state="Failed", message=message[:1024])
    else:
        told = replace(wanted.sleeper, state="Waking")
    gate = _plan_gate(wanted, observed, told)
    if gate or told.state != "Awake":
        return gate
    return _plan_route(wanted, observed) or (DeleteGate(observed.gate.objects),)


def gate_ingress(wanted: Wanted, told: Sleeper) -> Object:
    """What leads the host to the gateway, and tells it how things are."""
    return hashed(gateway.ingress(told, wanted.route["spec"]["ingressClassName"], wanted.labels))


def _plan_gate(wanted: Wanted, observed: Observed, told: Sleeper) -> tuple[Action, ...]:
    """Tell the gateway, unless it was told so; its Lease is there first."""
    ingress = gate_ingress(wanted, told)
    there = observed.gate
    if there.lease and there.ingress and applied_hash(there.ingress) == applied_hash(ingress):
        return ()
    return (ApplyGate(ingress, gateway.lease(told, wanted.labels)),)


def _plan_route(wanted: Wanted, observed: Observed) -> tuple[Action, ...]:
    if observed.route is not None and applied_hash(observed.route) == applied_hash(wanted.route):
        return ()
    return (ApplyRoute(wanted.route),)


def _live(wanted: Wanted, observed: Observed) -> tuple[Object, ...]:
    """The author's objects as they are; not what their controllers made of them."""
    return tuple(observed.objects[ref] for ref in wanted.refs if ref in observed.objects)


def _rescale(observed: Observed, counts: tuple[Scale, ...], record: Record) -> tuple[Action, ...]:
    objects = tuple(scales.only(observed.objects[scale.object], scale.replicas) for scale in counts)
    return (Rescale(objects, record),) if objects else ()
