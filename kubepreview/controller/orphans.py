"""Ends what is left of Previews that were deleted, as the apiserver has said by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kubepreview.controller.act import act, no_record
from kubepreview.controller.observe import observe
from kubepreview.controller.tools import Tools
from kubepreview.controller.watches import Watches
from kubepreview.core import keys, plan
from kubepreview.core.actions import Wait
from kubepreview.core.brake import may_delete
from kubepreview.kube.resources import INGRESSES, NAMESPACES, PREVIEWS
from kubepreview.kube.store import Key

# The gateway, route, workloads, pods, namespace; what has to be waited for is left to the next sweep.
_MOST_STEPS: Final = 5


async def end_orphans(watches: Watches, tools: Tools) -> None:
    """As far as each orphan can go, unless so many would go at once that somebody should look first."""
    for reflector in watches.all:
        await reflector.synced.wait()
    namespaces = watches.parts[NAMESPACES].store
    orphans = dict(_orphans(watches))
    if not may_delete(len(orphans), len(namespaces)):
        tools.metrics.orphans_held.set(len(orphans))
        tools.log.error(
            "too many namespaces without a Preview; nothing is deleted",
            orphans=list(orphans),
            cure="delete the namespaces by hand, or restore their Previews",
        )
        return
    tools.metrics.orphans_held.set(0)
    for name, preview in orphans.items():
        await _end(name, preview, tools)


def _orphans(watches: Watches) -> Iterator[tuple[str, Key]]:
    """Namespaces, and what makes the gateway answer for one, by its name; each with its Preview."""
    for (_, name), known in watches.parts[NAMESPACES].store.items():
        if known.preview and known.preview not in watches.previews.store:
            yield name, known.preview
    for part in (watches.parts[INGRESSES], watches.knocks):
        for (namespace, name), known in part.store.items():
            is_gate = namespace == keys.GATEWAY_NAMESPACE
            if is_gate and known.preview and known.preview not in watches.previews.store:
                yield name, known.preview


async def _end(space: str, preview: Key, tools: Tools) -> None:
    if await tools.cluster.find(PREVIEWS, preview[1], preview[0]) is not None:
        return
    tools.log.info("ending a namespace without a Preview", namespace=space, preview="/".join(preview))
    for _ in range(_MOST_STEPS):
        observed = await observe(tools.cluster, space, (), gate_of=preview)
        metadata = (observed.namespace or {}).get("metadata", {})
        uid = (metadata.get("annotations") or {}).get(keys.PREVIEW_UID, "")
        actions = plan.plan_closed(observed, uid)
        await act(tools.cluster, actions, no_record)
        if not actions or any(isinstance(action, Wait) for action in actions):
            return
