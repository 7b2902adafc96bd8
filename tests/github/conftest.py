"""A GitHub with one pull request, and what a client asks it with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kubepreview.github.client import GitHub
from kubepreview.github.credentials import GitHubCredentials
from kubepreview.github.place import Place
from standin.server import StandIn, serving
from standin.world import TOKEN, App

REPOSITORY: Final = "acme/rapidrar"
NUMBER: Final = 7
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
PUBLIC = (
    _KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
PLACE: Final = Place(repository=REPOSITORY, number=NUMBER, mark="<!-- kubepreview 1/pr-7 -->")
AT: Final = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)


@pytest.fixture
def github() -> Iterator[StandIn]:
    """GitHub, with one pull request that is open."""
    with serving() as there:
        there.open(REPOSITORY, NUMBER, AT)
        yield there


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Secret's folder that holds a token."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    return tmp_path


def client(github: StandIn, folder: Path, *, timeout_s: float = 10.0) -> GitHub:
    """A client that asks with what lies in the folder."""
    return GitHub(github.url, GitHubCredentials(folder, github.now), timeout_s=timeout_s)


@pytest.fixture
def app(github: StandIn, folder: Path) -> Path:
    """An App that is installed on the repository, and its Secret's folder."""
    github.app = App(37, "Iv23abc", "kubepreview", PUBLIC, {REPOSITORY: 5})
    (folder / "token").unlink()
    (folder / "app-id").write_text("37\n")
    (folder / "private-key").write_text(PEM)
    return folder
