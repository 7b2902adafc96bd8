"""Programs and steps of a start, each begun as soon as what it needs is there; programs are kept running."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubepreview.errors import Failed, NotReady
from kubepreview.localcluster import status
from kubepreview.localcluster.bootstrap import wait_until
from kubepreview.localcluster.process import Child, ChildExited, Reaper
from kubepreview.localcluster.services import TIMEOUT_S, Service, Step
from kubepreview.localcluster.status import ComponentStatus, NodeStatus

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
# A program that ran this long was well; the next pause is short again.
_WELL_AFTER_S = 30.0


@dataclass(slots=True)
class Supervisor:
    """Everything below the first process."""

    reaper: Reaper
    logs: Path
    status_file: Path
    status: NodeStatus = field(default_factory=NodeStatus)
    done: dict[str, asyncio.Event] = field(default_factory=dict)
    started_s: float = 0.0

    async def run(self, programs: Sequence[Service], deeds: Sequence[Step]) -> None:
        """Start everything as soon as what it needs is there; then keep the programs running for ever."""
        self.started_s = asyncio.get_running_loop().time()
        for name in (*(program.name for program in programs), *(deed.name for deed in deeds)):
            self.done[name] = asyncio.Event()
            self.status.components[name] = ComponentStatus()
        self._write()
        async with asyncio.TaskGroup() as group:
            for program in programs:
                group.create_task(self._keep(program))
            for deed in deeds:
                group.create_task(self._once(deed))
            for event in self.done.values():
                await event.wait()
            self.status.state = "ready"
            self._write()

    async def _once(self, step: Step) -> None:
        begun = await self._begin(step.name, step.needs)
        if callable(step.run):
            await step.run()
        else:
            child = self.reaper.spawn(step.name, step.run, self._log(step.name))
            code = await child.exited
            if code != 0:
                raise ChildExited(child.account(code, self._now() - begun))
        self._finish(step.name, begun, "done")

    async def _keep(self, service: Service) -> None:
        """The first run must become ready; later ones are tried for as long as the node lives."""
        begun = await self._begin(service.name, service.needs)
        component = self.status.components[service.name]
        pause_s = _FIRST_PAUSE_S
        while True:
            child = self.reaper.spawn(service.name, service.argv, self._log(service.name))
            component.state, component.pid = "starting", child.pid
            self._write()
            if await self._ready(service, child):
                self._finish(service.name, begun, "ready")
            code = await child.exited
            lived_s = self._now() - begun
            account = child.account(code, lived_s)
            if not self.done[service.name].is_set():
                raise ChildExited(account)
            component.state, component.last_exit, component.pid = "restarting", account, 0
            component.restarts += 1
            self._write()
            pause_s = _FIRST_PAUSE_S if lived_s > _WELL_AFTER_S else min(pause_s * 2, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)
            begun = self._now()

    async def _ready(self, service: Service, child: Child) -> bool:
        """Whether this run became ready before it ended. One that does neither is ended."""

        async def look() -> str:
            return "" if child.exited.done() else await service.ready(child)

        try:
            await wait_until(look, what=f"{service.name} ready", timeout_s=TIMEOUT_S)
        except NotReady as error:
            if not self.done[service.name].is_set():
                said = "\n".join(f"  {line}" for line in child.last_lines())
                raise Failed(f"{error.message}; it runs, and its last lines are:\n{said}") from error
            os.kill(child.pid, signal.SIGKILL)
        return not child.exited.done()

    async def _begin(self, name: str, needs: tuple[str, ...]) -> float:
        for need in needs:
            await self.done[need].wait()
        self.status.components[name].state = "starting"
        self._write()
        return self._now()

    def _finish(self, name: str, begun: float, state: str) -> None:
        component, now = self.status.components[name], self._now()
        component.state = state
        if not self.done[name].is_set():
            component.took_s, component.ready_after_s = round(now - begun, 3), round(now - self.started_s, 3)
        self.done[name].set()
        self._write()

    def _log(self, name: str) -> Path:
        return self.logs / f"{name.replace(' ', '-').replace(':', '-')}.log"

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _write(self) -> None:
        status.write(self.status_file, self.status)
