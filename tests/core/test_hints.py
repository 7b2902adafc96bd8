"""Deliveries of GitHub's webhooks: whose they are, and what they hint at."""

from __future__ import annotations

import hashlib
import hmac
import json
import random

import pytest

from kubepreview.core import hints
from kubepreview.core.hints import Hint, is_signed, read

# The example that GitHub's documentation gives to check an implementation with.
_SECRET = b"It's a Secret to Everybody"
_BODY = b"Hello, World!"
_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
_MUTATIONS = 10_000


def test_githubs_own_example_is_signed() -> None:
    """As its documentation says."""
    assert is_signed(_SECRET, _BODY, _SIGNATURE)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        _SIGNATURE[7:],
        _SIGNATURE.upper(),
        _SIGNATURE + "0",
        _SIGNATURE + "\n",
        _SIGNATURE.replace("sha256", "sha1"),
        f"{_SIGNATURE},{_SIGNATURE}",
        f" {_SIGNATURE}",
        "sha256=" + "ä" * 64,
        "sha1=" + hmac.new(_SECRET, _BODY, hashlib.sha1).hexdigest(),
    ],
)
def test_any_other_form_is_none(signature: str) -> None:
    """Of another length, case or algorithm."""
    assert not is_signed(_SECRET, _BODY, signature)


def test_without_a_secret_nothing_is_signed() -> None:
    """An empty one would be known to everybody."""
    assert not is_signed(b"", _BODY, "sha256=" + hmac.new(b"", _BODY, hashlib.sha256).hexdigest())


def test_of_ten_thousand_that_were_changed_none_is_signed() -> None:
    """One bit, one byte, a piece: in the body, the signature or the secret."""
    rng = random.Random(11)  # noqa: S311 - repeatable, not secret
    body = json.dumps({"repository": {"full_name": "acme/a"}, "pull_request": {"number": 7}}).encode()
    signature = "sha256=" + hmac.new(_SECRET, body, hashlib.sha256).hexdigest()
    assert is_signed(_SECRET, body, signature)
    accepted = 0
    for _ in range(_MUTATIONS):
        parts = [_SECRET, body, signature.encode()]
        which = rng.randrange(3)
        parts[which] = _mutated(parts[which], rng)
        accepted += is_signed(parts[0], parts[1], parts[2].decode(errors="replace"))

    assert accepted == 0


def _mutated(text: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(text))
    flipped = bytes([text[at] ^ (1 << rng.randrange(8))])
    return rng.choice(
        [
            text[:at] + flipped + text[at + 1 :],
            text[:at] + text[at + 1 :],
            text[:at] + bytes([rng.randrange(256)]) + text[at:],
            text[: at + 1] + text[at:],
            text + b" ",
        ]
    )


_REPOSITORY = {"full_name": "acme/RapidRAR"}


@pytest.mark.parametrize(
    ("payload", "hint"),
    [
        ({"repository": _REPOSITORY, "pull_request": {"number": 7}}, Hint("acme/RapidRAR", 7)),
        ({"repository": _REPOSITORY, "issue": {"number": 8, "pull_request": {}}}, Hint("acme/RapidRAR", 8)),
        ({"repository": _REPOSITORY, "issue": {"number": 8}}, None),
        ({"repository": _REPOSITORY, "zen": "Design for failure."}, None),
        ({"repository": _REPOSITORY, "pull_request": {"number": "7"}}, None),
        ({"repository": None, "pull_request": {"number": 7}}, None),
        ({"pull_request": {"number": 7}}, None),
        ([], None),
    ],
)
def test_what_it_hints_at(payload: object, hint: Hint | None) -> None:
    """A pull request of a repository, and nothing else that it says."""
    assert read(json.dumps(payload).encode()) == hint


@pytest.mark.parametrize("body", [b"", b"payload=%7B%7D", b"\xff\xfe", b"[" * 5000])
def test_what_is_no_payload_hints_at_nothing(body: bytes) -> None:
    """Forms, pages, and what would break a reader."""
    assert read(body) is None


def test_a_key_is_one_that_a_config_map_takes() -> None:
    """Whatever the repository is called."""
    assert Hint("Acme/Rapid_RAR.js", 7).key == "acme.rapid_rar.js.7"
    assert hints.config_map({Hint("a/b", 1).key: "d"})["data"] == {"a.b.1": "d"}
