"""The pages of the reference that follow from the source."""

from __future__ import annotations

import pytest

from tools.reference import FOLDER, pages


@pytest.mark.parametrize("name", pages())
def test_the_page_is_what_the_source_says(name: str) -> None:
    """The page equals what is generated; `make fix` writes it anew."""
    assert (FOLDER / name).read_text() == pages()[name]
