"""How a word is written in a YAML file that people read: as it is where that is safe, else quoted."""

from __future__ import annotations

import json
import re
from typing import Final

# Anything else is quoted, which is never wrong.
_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_WORDS_OF_YAML: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def scalar(value: str) -> str:
    """The word."""
    is_word = _PLAIN.fullmatch(value.replace(" ", "")) and value.lower() not in _WORDS_OF_YAML
    is_plain = value == "." or (is_word and value == value.strip())
    return value if is_plain else _quoted(value)


def _quoted(value: str) -> str:
    """As YAML quotes it: JSON's escapes, and YAML's own for what must not stand in a file."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in text)
