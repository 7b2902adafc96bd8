"""A GitHub with one pull request, and what a client asks it with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from kubepreview.github.client import GitHub
from kubepreview.github.credentials import GitHubCredentials
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
def folder(tmp_path: Path) -> Path:
    """A Secret's folder that holds a token."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    return tmp_path


def client(github: StandIn, folder: Path, *, timeout_s: float = 10.0) -> GitHub:
    """A client that asks with what lies in the folder."""
    return GitHub(github.url, GitHubCredentials(folder, github.now), timeout_s=timeout_s)
