"""Reading a long list page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from kubepreview.kube.errors import Gone
from kubepreview.kube.resources import Object

PAGE = 500
_RESTARTS = 2


def page_params(token: str) -> Mapping[str, str | int]:
    """The query of one page; the first has no token."""
    return {"limit": PAGE, "continue": token}


async def read_all(read_page: Callable[[str], Awaitable[Object]]) -> list[Object]:
    """The items of all pages.

    A page is lost when its list was compacted while we read: then from the start, a few times.
    """
    for _ in range(_RESTARTS):
        try:
            return await _read_once(read_page)
        except Gone:
            continue
    return await _read_once(read_page)


async def _read_once(read_page: Callable[[str], Awaitable[Object]]) -> list[Object]:
    items: list[Object] = []
    token = ""
    while True:
        page = await read_page(token)
        items += page.get("items") or ()
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            return items
