"""A brake as the cluster has it on record: what it holds, and what somebody has let go."""

from __future__ import annotations

from collections.abc import Mapping

from kubepreview.controller.tools import Tools
from kubepreview.core import brake, keys
from kubepreview.core.brake import Held
from kubepreview.kube.resources import CONFIGMAPS


class BrakeRecord:
    """One brake. It is read and written only while it has something to hold, or had."""

    def __init__(self, name: brake.Name) -> None:
        self._name = name
        self._is_clear = False

    async def let_through(
        self, tools: Tools, going: Mapping[str, str], total: int, already: int = 0
    ) -> frozenset[str]:
        """Of what would be deleted, by id, that which may be; the rest is put on record, in these words."""
        if not going and self._is_clear:
            return frozenset()
        found = await tools.cluster.find(CONFIGMAPS, keys.BRAKE, keys.SYSTEM_NAMESPACE)
        before = brake.recorded(found, self._name)
        through = brake.let_through(going, before.released, total, already)
        kept = (Held(each, what) for each, what in going.items() if each not in through)
        held = tuple(sorted(kept, key=lambda each: each.what))
        if held != before.held:
            record = brake.record_of_held(self._name, held)
            await tools.cluster.apply(record, manager=f"{keys.MANAGER}-{self._name}")
            self._log(tools, held)
        tools.metrics.held.labels(self._name).set(len(held))
        self._is_clear = not held
        return through

    def _log(self, tools: Tools, held: tuple[Held, ...]) -> None:
        if held:
            tools.log.error(
                "so many would be deleted at once that somebody should look first; nothing is",
                brake=self._name,
                held=[each.what for each in held],
                cure=brake.CURE,
            )
        else:
            tools.log.info("the brake holds nothing any more", brake=self._name)
