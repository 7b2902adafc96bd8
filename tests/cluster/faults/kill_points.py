"""Where a controller can be killed: before and after each of its requests about one preview."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.cluster.faults.outside import Outside
from tests.cluster.faults.proxy import Fault, Kill, Request

_NUMBER = re.compile(r"(?:^|[/-])pr-(\d+)(?:[/.]|$)")
# Requests about no preview at all, that go on whatever happens to one.
_ELSEWHERE = re.compile(r"/leases/kubepreview-controller$|/log$")


@dataclass(frozen=True)
class Shot:
    """At the `nth` request of a step, or since the last shot, the controller is killed."""

    nth: int
    after: bool = False


@dataclass
class Aim:
    """Kills within one step, one after another; with no shot it only counts.

    `hits`: the requests at which the controller was killed.
    """

    shots: Sequence[Shot] = ()
    seen: int = 0
    hits: list[str] = field(default_factory=list)
    _since: int = 0

    def judge(self, request: Request) -> Fault | None:
        """Count it, and kill if it is the one."""
        self.seen += 1
        self._since += 1
        if len(self.hits) == len(self.shots):
            return None
        shot = self.shots[len(self.hits)]
        if self._since != shot.nth:
            return None
        self._since = 0
        self.hits.append(f"{'after' if shot.after else 'before'} {request}")
        return Kill(after=shot.after)


@dataclass
class Aims:
    """What is aimed at, by the number of the preview; several previews live at once.

    One controller dies of one kill: what else it has sent is passed on.
    """

    controller: Outside
    by_number: dict[int, Aim] = field(default_factory=dict)

    def judge(self, request: Request) -> Fault | None:
        """Of the first that is struck; a request that names no preview belongs to all of them."""
        if request.is_watch or _ELSEWHERE.search(request.path) or not self.controller.is_alive:
            return None
        named = _NUMBER.search(request.host + request.path)
        for number, aim in self.by_number.items():
            if (named is None or int(named[1]) == number) and (fault := aim.judge(request)):
                self.controller.is_alive = False
                return fault
        return None
