"""A GitHub with one pull request, and the file that holds a token."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.github import standin
from tests.github.standin import StandIn
from tests.github.world import TOKEN

REPOSITORY: Final = "acme/rapidrar"
NUMBER: Final = 7
AT: Final = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)


@pytest.fixture
def github() -> Iterator[StandIn]:
    """GitHub, with one pull request that is open."""
    with standin.serving() as serving:
        serving.open(REPOSITORY, NUMBER, AT)
        yield serving


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """The file that holds the token."""
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return path
