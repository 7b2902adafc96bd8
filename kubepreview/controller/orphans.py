"""Ends what is left of Previews that were deleted, as the apiserver has said by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from kubepreview.controller.act import act, no_record
from kubepreview.controller.brakes import BrakeRecord
from kubepreview.controller.observe import observe
from kubepreview.controller.tools import Tools
from kubepreview.controller.watches import Watches
from kubepreview.core import keys, plan
from kubepreview.core.actions import Wait
from kubepreview.kube.resources import INGRESSES, NAMESPACES, PREVIEWS
from kubepreview.kube.store import Key

# The gateway, route, workloads, pods, namespace; what has to be waited for is left to the next sweep.
_MOST_STEPS: Final = 5


class _Orphan(Struct, frozen=True):
    """A namespace, or what makes the gateway answer for one; by its name, of this Preview."""

    uid: str
    preview: Key


async def end_orphans(watches: Watches, tools: Tools, brake: BrakeRecord) -> None:
    """As far as each orphan can go, unless so many would go at once that somebody should look first."""
    for reflector in watches.all:
        await reflector.synced.wait()
    total = len(watches.parts[NAMESPACES].store)
    orphans = dict(reversed(list(_orphans(watches))))
    words = {each.uid: f"{name}, of Preview {'/'.join(each.preview)}" for name, each in orphans.items()}
    through = await brake.let_through(tools, words, total)
    for name, orphan in orphans.items():
        if orphan.uid in through:
            await _end(name, orphan.preview, tools)


def _orphans(watches: Watches) -> Iterator[tuple[str, _Orphan]]:
    """The namespaces come first, and then what would answer for one that is gone."""
    for (_, name), known in watches.parts[NAMESPACES].store.items():
        if known.preview and known.preview not in watches.previews.store:
            yield name, _Orphan(known.metadata.uid, known.preview)
    for part in (watches.parts[INGRESSES], watches.knocks):
        for (namespace, name), known in part.store.items():
            is_gate = namespace == keys.GATEWAY_NAMESPACE
            if is_gate and known.preview and known.preview not in watches.previews.store:
                yield name, _Orphan(known.metadata.uid, known.preview)


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
