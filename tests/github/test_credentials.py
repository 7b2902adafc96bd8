"""A GitHub App asks with tokens that it gets for one repository, and with nothing else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kubepreview.errors import KubepreviewError, Refused
from kubepreview.github import comments
from kubepreview.github.comments import Thread
from tests.github.conftest import AT, NUMBER, REPOSITORY, client
from tests.github.faults import FAULTS, Fault
from tests.github.standin import StandIn
from tests.github.world import TOKEN, App

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_PEM = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
_PUBLIC = (
    _KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
_PULL = f"/repos/{REPOSITORY}/pulls/{NUMBER}"
_INSTALLATION = f"/repos/{REPOSITORY}/installation"


@pytest.fixture
def app(github: StandIn, folder: Path) -> Path:
    """An App that is installed on the repository, and its Secret's folder."""
    github.app = App(37, "Iv23abc", "kubepreview", _PUBLIC, {REPOSITORY: 5})
    (folder / "token").unlink()
    (folder / "app-id").write_text("37\n")
    (folder / "private-key").write_text(_PEM)
    return folder


@pytest.mark.parametrize("known_as", ["37", "Iv23abc"])
async def test_it_gets_one_token_for_its_repository_and_keeps_it(
    github: StandIn, app: Path, known_as: str
) -> None:
    """By its id or its client id; it asks once."""
    (app / "app-id").write_text(known_as)
    async with client(github, app) as asking:
        answers = [await asking.get(_PULL) for _ in range(3)]

    assert [each.code for each in answers] == [200] * 3
    assert github.asked.count(_INSTALLATION) == 1
    (token,) = [each for each in github.accounts.values() if each.app]
    assert token.repositories == frozenset({REPOSITORY})
    assert token.permissions == {"pull_requests:write", "pull_requests:read"}


async def test_it_comments_as_itself(github: StandIn, app: Path) -> None:
    """And finds its comment again."""
    async with client(github, app) as asking:
        author = await comments.author(asking)
        thread = Thread(repository=REPOSITORY, number=NUMBER, mark="<!-- 1 -->", author=author)
        known = [await comments.put(asking, thread, f"<!-- 1 -->\n{n}", 0, may_make=True) for n in range(2)]

    assert known[0] == known[1]
    assert [each.author.login for each in github.said(REPOSITORY, NUMBER)] == ["kubepreview[bot]"]


async def test_a_token_that_is_not_taken_any_more_is_replaced(github: StandIn, app: Path) -> None:
    """The request fails, and the next has a new one."""
    async with client(github, app) as asking:
        await asking.get(_PULL)
        github.accounts = {}
        with pytest.raises(Refused):
            await asking.get(_PULL)
        assert (await asking.get(_PULL)).code == 200


async def test_it_asks_about_no_repository_where_it_is_not_installed(github: StandIn, app: Path) -> None:
    """And says what is to be done."""
    github.open("acme/other", 1, AT)
    async with client(github, app) as asking:
        with pytest.raises(Refused) as refused:
            await asking.get("/repos/acme/other/pulls/1")

    assert "install the App" in str(refused.value.hint)


async def test_one_that_was_given_too_little_says_what_is_missing(github: StandIn, app: Path) -> None:
    """By the permission's name."""
    github.app = App(37, "Iv23abc", "kubepreview", _PUBLIC, {REPOSITORY: 5}, {"pull_requests": "read"})
    async with client(github, app) as asking:
        with pytest.raises(Refused) as refused:
            await asking.get(_PULL)

    assert "Pull requests: write" in str(refused.value.hint)


@pytest.mark.parametrize("late_s", [-3600, 3600])
async def test_a_clock_that_is_wrong_is_refused(github: StandIn, app: Path, late_s: int) -> None:
    """As GitHub does it."""
    async with client(github, app) as asking:
        real = github.now
        github.now = lambda: real() + dt.timedelta(seconds=late_s)
        with pytest.raises(Refused, match="does not take the token"):
            await asking.get(_PULL)


@pytest.mark.parametrize(
    "written", ["", "no key", _PUBLIC, "-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END"]
)
async def test_a_key_that_is_none_is_told(github: StandIn, app: Path, written: str) -> None:
    """And not shown."""
    (app / "private-key").write_text(written)
    async with client(github, app) as asking:
        with pytest.raises(Refused) as refused:
            await asking.get(_PULL)

    assert not written or written not in str(refused.value)
    assert github.asked == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_on_the_way_to_a_token_is_an_error(github: StandIn, app: Path, fault: Fault) -> None:
    """No answer about the pull request comes out of it, and it passes."""
    async with client(github, app, timeout_s=1) as asking:
        github.fault = fault
        with pytest.raises(KubepreviewError):
            await asking.get(_PULL)


async def test_a_token_in_the_folder_goes_first(github: StandIn, app: Path) -> None:
    """Where both lie there."""
    (app / "token").write_text(TOKEN)
    async with client(github, app) as asking:
        await asking.get(_PULL)

    assert github.asked == [_PULL]
