"""What docker login wrote, and what a registry asks for."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from kubepreview.errors import InvalidInput
from kubepreview.registry import challenge
from kubepreview.registry.challenge import Challenge
from kubepreview.registry.logins import Login, read_docker_config


def _config(tmp_path: Path, content: Any) -> Path:
    file = tmp_path / "config.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def _auth(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def test_logins_are_found_by_the_host_of_their_registry(tmp_path: Path) -> None:
    """In each spelling that docker and others have written; a password may hold a colon."""
    auths = {
        "https://index.docker.io/v1/": _auth("me:hub"),
        "ghcr.io": _auth("me:pa:ss"),
        "https://r.example.com/v2/": {"username": "you", "password": "p\0"},
        "localhost:5000": _auth("a:b"),
        "helper.example.com": {},
        "token.example.com": {"identitytoken": "x"},
    }
    logins = read_docker_config(_config(tmp_path, {"auths": auths, "credsStore": "desktop"}))

    assert logins == {
        "docker.io": Login("me", "hub"),
        "ghcr.io": Login("me", "pa:ss"),
        "r.example.com": Login("you", "p"),
        "localhost:5000": Login("a", "b"),
    }
    assert "pa:ss" not in repr(logins)


def test_without_a_file_there_are_no_logins(tmp_path: Path) -> None:
    """Public images need none."""
    assert read_docker_config(tmp_path / "config.json") == {}
    assert read_docker_config(_config(tmp_path, [])) == {}


@pytest.mark.parametrize("content", ["{", json.dumps({"auths": {"x": {"auth": "%"}}})])
def test_a_broken_file_is_told(tmp_path: Path, content: str) -> None:
    """It is not taken for one without logins."""
    with pytest.raises(InvalidInput, match="read the registry logins in"):
        read_docker_config(_config(tmp_path, content))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            ['Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"'],
            [
                Challenge(
                    "bearer", {"realm": "https://a/t", "service": "s", "scope": "repository:x:pull,push"}
                )
            ],
        ),
        (['Basic realm="a \\"b\\""'], [Challenge("basic", {"realm": 'a "b"'})]),
        (["BEARER Realm=x , service = y"], [Challenge("bearer", {"realm": "x", "service": "y"})]),
        (
            ['Bearer realm="a", Basic realm="b"', "Negotiate"],
            [
                Challenge("bearer", {"realm": "a"}),
                Challenge("basic", {"realm": "b"}),
                Challenge("negotiate", {}),
            ],
        ),
        (['"nonsense'], []),
        ([], []),
    ],
)
def test_challenges_are_read(headers: list[str], expected: list[Challenge]) -> None:
    """Quoted and bare values, several in one header, and no harm by nonsense."""
    assert challenge.parse(headers) == expected
