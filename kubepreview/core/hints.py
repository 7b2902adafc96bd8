"""Webhooks: whether a delivery is GitHub's, and which pull request it hints at."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from kubepreview.core import keys
from kubepreview.core.wire import Object

CONFIG_MAP: Final = "kubepreview-hints"
# "Payloads are capped at 25 MB", and those of the events that are heard have some dozens of KiB.
MAX_BYTES: Final = 2 * 1024 * 1024

_SIGNATURE: Final = re.compile(r"sha256=[0-9a-f]{64}")
_NOT_IN_A_KEY: Final = re.compile(r"[^a-z0-9._-]")


class Hint(Struct, frozen=True):
    """Which pull request has changed."""

    repository: str
    number: int

    @property
    def key(self) -> str:
        """Its key in the ConfigMap. Two that share one are both looked at."""
        return f"{prefix(self.repository)}{self.number}"


def prefix(repository: str) -> str:
    """What the keys of its pull requests begin with; another's may, too, and is looked at for nothing."""
    return _NOT_IN_A_KEY.sub(".", f"{repository}.".lower())


class _Repository(Struct, frozen=True):
    full_name: str


class _Numbered(Struct, frozen=True):
    number: int
    pull_request: object = None


class _Payload(Struct, frozen=True, kw_only=True):
    repository: _Repository
    pull_request: _Numbered | None = None
    issue: _Numbered | None = None


def is_signed(secret: bytes, body: bytes, signature: str) -> bool:
    """Whether `signature` (X-Hub-Signature-256) is that of these very bytes, compared in constant time."""
    if not secret or not _SIGNATURE.fullmatch(signature):
        return False
    wanted = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"sha256={wanted}", signature)


def read(body: bytes) -> Hint | None:
    """Which pull request a delivery is about; None for one that is about something else."""
    try:
        payload = msgspec.json.decode(body, type=_Payload)
    except ValueError:
        return None
    if payload.pull_request:
        return Hint(payload.repository.full_name, payload.pull_request.number)
    # A comment on a pull request comes as one on its issue.
    if payload.issue and payload.issue.pull_request is not None:
        return Hint(payload.repository.full_name, payload.issue.number)
    return None


def config_map(hints: Mapping[str, str]) -> Object:
    """The hints as they are applied: what each was told by last."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CONFIG_MAP, "namespace": keys.SYSTEM_NAMESPACE},
        "data": dict(hints),
    }
