"""Where a controller can be killed: before and after each of its requests about one preview."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.cluster.faults.proxy import Fault, Kill, Request

_NUMBER = re.compile(r"[/-]pr-(\d+)(?:/|$)")
# Requests about no preview at all, that go on whatever happens to one.
_ELSEWHERE = re.compile(r"/leases/kubepreview-controller$|/log$")


@dataclass
class Aim:
    """The `nth` request of a step is where the controller is killed; 0 only counts.

    `struck` is the request that it was killed at; empty while the step has not come that far.
    """

    nth: int = 0
    after: bool = False
    seen: list[Request] = field(default_factory=list)
    struck: str = ""

    def judge(self, request: Request) -> Fault | None:
        """Count it, and kill if it is the one."""
        if self.struck:
            return None
        self.seen.append(request)
        if len(self.seen) != self.nth:
            return None
        self.struck = f"{'after' if self.after else 'before'} {request}"
        return Kill(after=self.after)


@dataclass
class Aims:
    """What is aimed at, by the number of the preview; several previews live at once."""

    by_number: dict[int, Aim] = field(default_factory=dict)

    def judge(self, request: Request) -> Fault | None:
        """Of the first that is struck; a request that names no preview belongs to all of them."""
        if request.is_watch or _ELSEWHERE.search(request.path):
            return None
        named = _NUMBER.search(request.path)
        for number, aim in self.by_number.items():
            if (named is None or int(named[1]) == number) and (fault := aim.judge(request)):
                return fault
        return None
