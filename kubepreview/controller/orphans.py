"""Ends namespaces whose Preview was deleted: the apiserver has said, by name, that it is not there."""

from __future__ import annotations

from typing import Final

from kubepreview.controller.act import act, no_record
from kubepreview.controller.observe import observe
from kubepreview.controller.tools import Tools
from kubepreview.controller.watches import Watches
from kubepreview.core import keys, plan
from kubepreview.core.actions import Wait
from kubepreview.core.brake import may_delete
from kubepreview.kube.resources import NAMESPACES, PREVIEWS
from kubepreview.kube.store import Key

# Route, workloads, pods, namespace; what has to be waited for is left to the next sweep.
_MOST_STEPS: Final = 4


async def end_orphans(watches: Watches, tools: Tools) -> None:
    """As far as each orphan can go, unless so many would go at once that somebody should look first."""
    await watches.previews.synced.wait()
    await watches.parts[NAMESPACES].synced.wait()
    namespaces = watches.parts[NAMESPACES].store
    orphans: list[tuple[str, Key]] = []
    for (_, name), known in namespaces.items():
        if known.preview and known.preview not in watches.previews.store:
            orphans.append((name, known.preview))
    if not may_delete(len(orphans), len(namespaces)):
        tools.metrics.orphans_held.set(len(orphans))
        tools.log.error(
            "too many namespaces without a Preview; nothing is deleted",
            orphans=[name for name, _ in orphans],
            cure="delete the namespaces by hand, or restore their Previews",
        )
        return
    tools.metrics.orphans_held.set(0)
    for name, preview in orphans:
        await _end(name, preview, tools)


async def _end(space: str, preview: Key, tools: Tools) -> None:
    if await tools.cluster.find(PREVIEWS, preview[1], preview[0]) is not None:
        return
    tools.log.info("ending a namespace without a Preview", namespace=space, preview="/".join(preview))
    for _ in range(_MOST_STEPS):
        observed = await observe(tools.cluster, space, ())
        metadata = (observed.namespace or {}).get("metadata", {})
        uid = (metadata.get("annotations") or {}).get(keys.PREVIEW_UID, "")
        actions = plan.plan_closed(observed, uid)
        await act(tools.cluster, actions, no_record)
        if not actions or any(isinstance(action, Wait) for action in actions):
            return
