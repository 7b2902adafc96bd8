"""A cluster in one dictionary a kind: what the apiserver would make of a plan."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping

from msgspec.structs import replace

from kubepreview.core import kinds, plan, scales
from kubepreview.core.actions import (
    Action,
    ApplyGate,
    ApplyGuardrails,
    ApplyNamespace,
    ApplyObjects,
    ApplyRoute,
    DeleteGate,
    DeleteNamespace,
    DeleteRoute,
    EndPods,
    EndWorkloads,
    Prune,
    Record,
    Rescale,
    SendLookouts,
    Wait,
)
from kubepreview.core.model import ObjectRef
from kubepreview.core.observed import Gate, Observed
from kubepreview.core.wanted import Wanted
from kubepreview.core.wire import Object

from .examples import UID

_UIDS = itertools.count(1)
# The gateway runs, and answers for every host that it is led to.
_GATE = Gate(is_running=True, answers=True)


class World:
    """What is there, what is on record, and what was done."""

    def __init__(self) -> None:
        self.seen = Observed(gate=_GATE)
        self.record = Record()
        self.log: list[str] = []

    def do(self, actions: tuple[Action, ...]) -> None:
        """Do them in order."""
        for action in actions:
            self.log.append(type(action).__name__)
            self._do(action)

    def _do(self, action: Action) -> None:  # noqa: C901, PLR0912 — one case an action, nothing else
        match action:
            case ApplyNamespace(namespace):
                self.seen = replace(self.seen, namespace=live_of(namespace))
            case ApplyGuardrails(objects):
                live = {kinds.ref_of(obj): live_of(obj) for obj in objects}
                self.seen = replace(
                    self.seen, guardrails={**self.seen.guardrails, **live}, deployer_answers=True
                )
            case ApplyObjects(objects, record):
                assert set(map(kinds.ref_of, objects)) <= set(record.inventory)
                self.record = record
                live = {kinds.ref_of(obj): self._applied(obj) for obj in objects}
                self.seen = replace(self.seen, objects={**self.seen.objects, **live})
            case Rescale(objects, record):
                self.record = record
                for obj in objects:
                    self.scale(kinds.ref_of(obj), obj["spec"]["replicas"])
            case Prune(objects) | EndWorkloads(objects):
                ended = {kinds.ref_of(obj) for obj in objects}
                left = {ref: obj for ref, obj in self.seen.objects.items() if ref not in ended}
                self.seen = replace(self.seen, objects=left)
            case ApplyRoute(route):
                self.seen = replace(self.seen, route=live_of(route))
            case DeleteRoute():
                self.seen = replace(self.seen, route=None)
            case SendLookouts(pods):
                self._send(pods)
            case ApplyGate(ingress, lease):
                gate = replace(self.seen.gate, ingress=live_of(ingress), lease=live_of(lease))
                self.seen = replace(self.seen, gate=gate)
            case DeleteGate():
                self.seen = replace(self.seen, gate=_GATE)
            case EndPods():
                self.seen = replace(self.seen, pods=())
            case DeleteNamespace():
                self.seen = Observed(gate=self.seen.gate)
            case Wait(what):
                raise AssertionError(f"nothing here is slow, yet it waits for {what}")

    def _send(self, pods: tuple[tuple[Object, tuple[Object, ...]], ...]) -> None:
        sent = {pod["metadata"]["name"]: containers for pod, containers in pods}
        self.seen = replace(self.seen, pods=tuple(_with_lookouts(pod, sent) for pod in self.seen.pods))

    def scale(self, ref: ObjectRef, replicas: int) -> None:
        """Give a workload another count, as a person or an autoscaler would."""
        live = copy.deepcopy(self.seen.objects[ref])
        live["spec"]["replicas"] = replicas
        self.put(ref, live)

    def run_pods(self) -> None:
        """The kubelet does as it was told: every Deployment has its pods, and they are ready."""
        pods: list[Object] = []
        for ref, obj in self.seen.objects.items():
            if ref.kind == "Deployment":
                many = scales.count(obj) or 0
                counted = ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")
                self.put(ref, {**obj, "status": dict.fromkeys(counted, many)})
                pods += (_pod(obj, number) for number in range(many))
        self.seen = replace(self.seen, pods=tuple(pods))

    def put(self, ref: ObjectRef, live: Object) -> None:
        """Somebody writes an object of the pull request."""
        self.seen = replace(self.seen, objects={**self.seen.objects, ref: live})

    def put_guard(self, ref: ObjectRef, live: Object) -> None:
        """Somebody writes a guard."""
        self.seen = replace(self.seen, guardrails={**self.seen.guardrails, ref: live})

    def _applied(self, obj: Object) -> Object:
        """What the author does not count keeps its count; what is new has one."""
        live, ref = live_of(obj), kinds.ref_of(obj)
        if kinds.kind_of(ref).zeroed_by == "Replicas":
            before = scales.count(self.seen.objects[ref]) if ref in self.seen.objects else 1
            live["spec"].setdefault("replicas", before)
        return live

    def settle(self, wanted: Wanted) -> None:
        """Plan and do until there is nothing to do; that must come soon."""
        for _ in range(10):
            actions = plan.plan_open(wanted, self.seen, self.record, UID)
            if not actions:
                return
            self.do(actions)
        raise AssertionError(f"it never settles: {self.log}")


def _pod(workload: Object, number: int) -> Object:
    template = workload["spec"]["template"]
    return {
        "metadata": {
            "name": f"{workload['metadata']['name']}-{number}",
            "labels": template["metadata"]["labels"],
        },
        "spec": template["spec"],
        "status": {
            "podIP": (address := f"10.0.0.{7 + number}"),
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def _with_lookouts(pod: Object, sent: Mapping[str, tuple[Object, ...]]) -> Object:
    there = pod["spec"].get("ephemeralContainers", ())
    return {**pod, "spec": {**pod["spec"], "ephemeralContainers": sent.get(pod["metadata"]["name"], there)}}


def live_of(obj: Object) -> Object:
    """The object as the apiserver shows it."""
    live = copy.deepcopy(obj)
    number = str(next(_UIDS))
    created = "2026-01-02T03:04:05Z"
    live["metadata"] |= {"uid": number, "resourceVersion": number, "creationTimestamp": created}
    if live["kind"] == "ResourceQuota":
        live["status"] = {"hard": live["spec"]["hard"]}
    return live
