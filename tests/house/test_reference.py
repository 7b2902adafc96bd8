"""The pages of the reference that follow from the source (`make goldens` writes them anew)."""

from __future__ import annotations

import os

import pytest

from tests.house.reference import FOLDER, pages
from tests.house.tree import ROOT

_REWRITE = os.environ.get("KUBEPREVIEW_REWRITE_GOLDENS") == "1"  # noqa: TID251 - the switch of the goldens


@pytest.mark.parametrize("name", pages())
def test_the_page_is_what_the_source_says(name: str) -> None:
    """The page equals what follows from the source."""
    page = ROOT / FOLDER / name
    if _REWRITE:
        page.write_text(pages()[name])

    assert page.read_text() == pages()[name]
