"""Who we are to each registry: the logins that `docker login` wrote into its config.json."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubepreview.core.images import DOCKER_HUB
from kubepreview.errors import InvalidInput

_HUB_HOSTS = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "auth.docker.io"})


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password; the password of most registries is a token."""

    user: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def read_docker_config(path: Path) -> Mapping[str, Login]:
    """The logins of a docker config.json, by registry host; none where the file is not there.

    Passwords in a helper program (`credsStore`, `credHelpers`) are not read: only what the file holds.
    """
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"read the registry logins in {path}: {error}", hint="run `docker login`"
        ) from error
    auths = config.get("auths") if isinstance(config, dict) else None
    entries = auths if isinstance(auths, dict) else {}
    return {host_of(key): login for key, entry in entries.items() for login in _login(entry, path)}


def host_of(key: str) -> str:
    """The registry that a key of the file means: a host, or an address in one of docker's old spellings."""
    host = key.partition("://")[2] or key
    host = host.partition("/")[0]
    return DOCKER_HUB if host in _HUB_HOSTS else host


def _login(entry: object, path: Path) -> Iterator[Login]:
    if not isinstance(entry, dict):
        return
    user, password = entry.get("username"), entry.get("password")
    if isinstance(entry.get("auth"), str) and entry["auth"]:
        try:
            user, _, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidInput(f"read the registry logins in {path}: an auth is not base64") from error
    if isinstance(user, str) and isinstance(password, str) and user:
        # Tools that write the file end some passwords with a NUL.
        yield Login(user, password.rstrip("\0"))
