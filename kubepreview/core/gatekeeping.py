"""What the gateway does with a request, decided from its head and from what is known of its host.

Anonymous traffic comes here, so that everything is bounded: an unknown host costs a look into a table, an
agent that nobody waits behind wakes nothing, and what wakes is rationed per host and in all.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Final

from msgspec import Struct

from kubepreview.core import agents
from kubepreview.core.gateway import Sleeper

# Asked by the waiting page. Paths below /.well-known/ are no application's own (RFC 8615).
STATE_PATH: Final = "/.well-known/kubepreview/state"


class Head(Struct, frozen=True, kw_only=True):
    """The part of a request that decides."""

    method: str
    target: str
    host: str
    user_agent: str = ""
    accept: str = ""
    fetch_mode: str = ""
    is_upgrade: bool = False

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def is_navigation(self) -> bool:
        """Whether a person looks at a browser's window that this will fill."""
        is_page = self.method == "GET" and "text/html" in self.accept and not self.is_upgrade
        return is_page and self.fetch_mode in {"", "navigate"}


class Verdict(Enum):
    """What becomes of a request."""

    BAD = "no request to a preview"
    UNKNOWN = "nobody's host"
    STATE = "the waiting page asks how far it is"
    FORWARD = "the preview answers already"
    PASSIVE = "an agent that nobody waits behind"
    PAGE = "a browser, which waits by itself"
    HOLD = "held until the preview answers"


def judge(head: Head, sleeper: Sleeper | None) -> Verdict:
    """The verdict on one request."""
    if not head.target.startswith("/") and (head.method, head.target) != ("OPTIONS", "*"):
        # CONNECT, and a target that names another host than the header does.
        return Verdict.BAD
    if sleeper is None:
        return Verdict.UNKNOWN
    if head.path == STATE_PATH:
        return Verdict.STATE
    if sleeper.state == "Awake" and sleeper.endpoints:
        return Verdict.FORWARD
    if agents.is_passive(head.user_agent, sleeper.passive_agents):
        return Verdict.PASSIVE
    return Verdict.PAGE if head.is_navigation else Verdict.HOLD


class Ration(Struct, frozen=True, kw_only=True):
    """So many at once, and so many a minute after that."""

    burst: int
    per_minute: float


class Bucket:
    """Keeps to a ration. All times are seconds of one monotonic clock."""

    def __init__(self, ration: Ration) -> None:
        self._burst, self._per_s = float(ration.burst), ration.per_minute / 60
        self._level, self._at = float(ration.burst), -math.inf

    def wait_s(self, now: float) -> float:
        """After how many seconds there is one to take; 0 for now."""
        self._fill(now)
        return 0.0 if self._level >= 1 else (1 - self._level) / self._per_s

    def take(self, now: float) -> None:
        """Take one, which must be there."""
        self._fill(now)
        self._level -= 1

    def is_full(self, now: float) -> bool:
        """Whether it remembers nothing, so that it may be forgotten."""
        self._fill(now)
        return self._level >= self._burst

    def _fill(self, now: float) -> None:
        gained = 0.0 if self._at == -math.inf else (now - self._at) * self._per_s
        self._level, self._at = min(self._burst, self._level + gained), now
