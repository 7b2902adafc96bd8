"""What is kept for later holds no secret: by kind, by name, by shape, and by the very values of this preview.

Each rule is a row. What is masked becomes `MASK`, so that a reader sees that there was something.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from kubepreview.core.kinds import as_mapping, pod_template
from kubepreview.core.wire import Object

MASK: Final = "[masked]"
# A shorter value would mask half of every log.
_SHORTEST: Final = 6
# kubectl keeps a whole copy of an object there.
_COPIES: Final = ("kubectl.kubernetes.io/last-applied-configuration",)
# RFC 7468: what ends a private key, and what stands before; a log may put the time before each line.
_KEY_END: Final = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
_KEY_LINE: Final = re.compile(r"([0-9TZ:.+-]{20,40} )?[A-Za-z0-9+/=]+\r?")
# Words of names whose values are secret more often than not.
_SECRET_NAME: Final = re.compile(
    r"token|passw|secret|credential|private|api_?key|access_?key|(^|_)key$|dsn|(database|redis|amqp|mongo)\w*_?ur[il]",
    re.IGNORECASE,
)
_SHAPES: Final = tuple(
    re.compile(shape)
    for shape in (
        # RFC 7468.
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        # RFC 9110, section 11.4: a scheme, and what proves who one is.
        r"(?i:\b(?:bearer|basic)\s+[\w.~+/=-]{8,})",
        # GitHub's prefixes of tokens.
        r"\b(?:gh[opusr]_\w{20,}|github_pat_\w{20,})",
        # AWS' prefixes of access key identifiers.
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        # RFC 7519: three parts, of which the first two are JSON objects.
        r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",
        # RFC 3986, section 3.2.1: a password before the host.
        r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)",
    )
)


def secret_values(objects: Iterable[Object]) -> tuple[str, ...]:
    """What stands in the Secrets of these objects and in variables with telling names; the longest first."""
    found = {value for obj in objects for value in _values(obj) if len(value) >= _SHORTEST}
    # As a Secret is written down, too: a program that prints its environment may print either.
    encoded = {base64.b64encode(value.encode()).decode() for value in found}
    return tuple(sorted(found | encoded, key=len, reverse=True))


def masked_text(text: str, values: Iterable[str]) -> str:
    """The text without the values, and without anything that has the shape of a secret."""
    for value in values:
        text = text.replace(value, MASK)
    for shape in _SHAPES:
        text = shape.sub(MASK, text)
    return _without_ends_of_keys(text)


def _without_ends_of_keys(text: str) -> str:
    """Of a key whose beginning is not there, as in the last lines of a log, the lines before its end."""
    if not _KEY_END.search(text):
        return text
    kept: list[str] = []
    for line in text.split("\n"):
        if _KEY_END.search(line):
            while kept and _KEY_LINE.fullmatch(kept[-1]):
                kept.pop()
            line = MASK  # noqa: PLW2901 — in its place
        kept.append(line)
    return "\n".join(kept)


def masked_object(obj: Object, values: Sequence[str] = ()) -> Object:
    """The object without the values of Secrets and of variables with telling names; their names stay.

    Nor do the `values` stand anywhere else in it, or what has the shape of a secret.
    """
    masked: Object = _masked(obj, values)
    if obj.get("kind") == "Secret":
        for part in ("data", "stringData"):
            if part in obj:
                masked[part] = dict.fromkeys(as_mapping(obj[part]), MASK)
    return masked


def _masked(value: Any, values: Sequence[str]) -> Any:
    if isinstance(value, str):
        return masked_text(value, values)
    if isinstance(value, list | tuple):
        return [_masked(each, values) for each in value]
    if not isinstance(value, Mapping):
        return value
    if _is_secret_variable(value):
        return {**value, "value": MASK}
    return {key: MASK if key in _COPIES else _masked(each, values) for key, each in value.items()}


def _is_secret_variable(value: Mapping[str, Any]) -> bool:
    name = value.get("name")
    return isinstance(name, str) and isinstance(value.get("value"), str) and bool(_SECRET_NAME.search(name))


def _values(obj: Object) -> Iterator[str]:
    if obj.get("kind") == "Secret":
        yield from (str(value) for value in as_mapping(obj.get("stringData")).values())
        yield from (_decoded(str(value)) for value in as_mapping(obj.get("data")).values())
    spec = as_mapping(as_mapping(pod_template(obj)).get("spec"))
    for part in ("containers", "initContainers"):
        for container in spec.get(part) or ():
            for variable in as_mapping(container).get("env") or ():
                if _is_secret_variable(as_mapping(variable)):
                    yield str(variable["value"])


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode(errors="replace")
    except (binascii.Error, ValueError):
        return value
