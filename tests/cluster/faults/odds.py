"""A bad network: what goes wrong between a controller and the apiserver, and how often."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.cluster.faults.proxy import CutShort, Delay, Fault, HangUp, Refuse, Request

# Of all requests so many meet a fault.
_SHARE = 0.08

_OF_ALL: tuple[Fault, ...] = (
    HangUp(),
    HangUp(after=True),
    CutShort(),
    Delay(0.3),
    Delay(2.0),
    Refuse(429, "TooManyRequests", retry_after_s=1),
    Refuse(500, "InternalError"),
    Refuse(503, "ServiceUnavailable"),
    # Of somebody who is no apiserver, or means something else: no absence.
    Refuse(404, "NotFound"),
)
_OF_WRITES: tuple[Fault, ...] = (Refuse(409, "Conflict"),)
_OF_WATCHES: tuple[Fault, ...] = (Refuse(410, "Expired"),)


def odds_of(rng: random.Random) -> Callable[[Request], Fault | None]:
    """A judge that lets most requests pass."""

    def judge(request: Request) -> Fault | None:
        if rng.random() > _SHARE:
            return None
        if request.is_watch:
            return rng.choice(_OF_ALL + _OF_WATCHES)
        return rng.choice(_OF_ALL if request.method == "GET" else _OF_ALL + _OF_WRITES)

    return judge
