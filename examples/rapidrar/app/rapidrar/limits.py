"""How much one request may cost. Each number bounds what somebody else pays for an upload."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one request, and how many requests work at once."""

    upload_bytes: int = 32 * MIB
    # From the first byte of the body to its last.
    upload_s: float = 60
    entries: int = 10_000
    extracted_bytes: int = 128 * MIB
    # Extracted to uploaded bytes; up to `ratio_free_bytes` nobody asks: a small file of zeros is no bomb.
    ratio: int = 200
    ratio_free_bytes: int = 4 * MIB
    name_characters: int = 1024
    # From the start of the reader to its end.
    reader_s: int = 20
    reader_memory_bytes: int = 256 * MIB
    jobs: int = 2
    # How long a request waits for its turn before it is told to come back.
    turn_s: float = 5
