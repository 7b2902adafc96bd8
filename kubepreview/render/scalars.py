"""What a plain YAML scalar means to kubectl: YAML 1.1's truths and octals, but no times and no base 60.

kubectl, Helm and the apiserver's clients read YAML by one Go library. PyYAML's own rules differ (``12:30``
is 750 to it, ``2001-01-01`` a date), so they are not used.
"""

from __future__ import annotations

import math
import re

Value = str | int | float | bool | None

_WORDS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGERS = (
    (re.compile(r"[-+]?(?:0|[1-9][0-9]*)"), 10),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+"), 8),
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INT64 = range(-(2**63), 2**63)


def resolve(text: str) -> Value:
    """The value of a plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    # Underscores part digits, and may not come first.
    if not re.match(r"[-+.0-9]", text):
        return text
    number = text.replace("_", "")
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(number):
            return _as_json(_integer(number, base))
    if _FLOAT.fullmatch(number):
        value = float(number)
        return text if math.isinf(value) else _as_json(value)
    return text


def _integer(number: str, base: int) -> int:
    # int() wants an octal marked by `0o`, and knows the other marks; base 8 takes the digits bare.
    return int(number.lower().replace("o", ""), base)


def _as_json(value: float) -> int | float:
    """As it comes back from JSON: a whole number is an int, one beyond 64 bits a float."""
    if isinstance(value, int):
        return value if value in _INT64 else float(value)
    return int(value) if value.is_integer() and int(value) in _INT64 else value
