"""How much may be deleted in one pass without asking.

One pass that would delete more than the larger of 3 and a fifth of all stops: so many at once is more
likely a mistake, such as a CRD that was deleted and installed again, than somebody's wish.
"""

from __future__ import annotations

from typing import Final

_ALWAYS: Final = 3
_FIFTH: Final = 5


def may_delete(count: int, total: int) -> bool:
    """Whether `count` of `total` previews may be deleted in one pass."""
    return count <= max(_ALWAYS, total // _FIFTH)
