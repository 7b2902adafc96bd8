"""Image references: ``registry/repository:tag@digest``, taken apart and put together.

The grammar is the one of the distribution project, which container runtimes share.
"""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from kubepreview.errors import InvalidInput

DOCKER_HUB = "docker.io"
_DEFAULT_TAG = "latest"
# Hosts under which Docker Hub has been known; one registry.
_HUB_ALIASES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})

# A repository with its registry, without tag and digest: nothing is left to a default.
PLACE = r"[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)+"

_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?"
)
# The registries' own bound for a name.
_MAX_NAME = 255


class Reference(Struct, frozen=True, kw_only=True):
    """One image, as somebody wrote it. `name` is everything before the tag and the digest."""

    name: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Raises InvalidInput if the text is no reference."""
        found = _REFERENCE.fullmatch(text)
        if found is None or len(found["name"]) > _MAX_NAME:
            raise InvalidInput(f"{text!r} is not an image reference", hint=_hint(text))
        return cls(name=found["name"], tag=found["tag"] or "", digest=found["digest"] or "")

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def registry(self) -> str:
        """The host that serves it, with its port; Docker Hub where none is written."""
        host = self._host()
        return DOCKER_HUB if not host or host in _HUB_ALIASES else host

    @property
    def repository(self) -> str:
        """The path inside the registry; Docker Hub's own images are below ``library``."""
        host = self._host()
        path = self.name.removeprefix(f"{host}/") if host else self.name
        return f"library/{path}" if self.registry == DOCKER_HUB and "/" not in path else path

    @property
    def wanted(self) -> str:
        """What to ask the registry for: the digest, else the tag, else ``latest``."""
        return self.digest or self.tag or _DEFAULT_TAG

    def pinned(self, digest: str) -> Reference:
        """The same image by digest alone: a tag beside it would only seem to mean something."""
        return replace(self, tag="", digest=digest)

    def _host(self) -> str:
        """The first part, if it can only be a host: with a dot, a port or a capital, or localhost."""
        first, slash, _ = self.name.partition("/")
        is_host = any(sign in first for sign in ".:[") or first == "localhost" or first != first.lower()
        return first if slash and is_host else ""


def _hint(text: str) -> str:
    if text != text.lower() and _REFERENCE.fullmatch(text.lower()):
        return "the name of an image is in lower case"
    if "@" in text:
        return "a digest is sha256: and 64 hexadecimal digits"
    return "write name:tag or name@sha256:…, without a scheme and without spaces"
