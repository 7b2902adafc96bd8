"""What a registry asks for when it says 401: the WWW-Authenticate header, read as RFC 9110 has it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word for a name
_SCHEME = re.compile(rf"\s*({_TOKEN})(?:\s+|$)")
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,|$)')


class Challenge(Struct, frozen=True):
    """One way to prove who we are. `scheme` is in lower case, and so are the names of `parameters`."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse(headers: Sequence[str]) -> list[Challenge]:
    """Every challenge of the headers; what does not fit the grammar ends a header."""
    return [challenge for header in headers for challenge in _challenges(header)]


def _challenges(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    position = 0
    while scheme := _SCHEME.match(header, position):
        position = scheme.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, position):
            position = parameter.end()
            quoted, bare = parameter[2], parameter[3]
            parameters[parameter[1].lower()] = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        found.append(Challenge(scheme[1].lower(), parameters))
    return found
