"""What the headers of either format say of a file, and how a bad header is refused.

They are walked here because libarchive 3.6 and 3.7 do not tell: a stored file whose checksum does not match,
encrypted data in RAR 5, and an archive without its end all pass there.
"""

from __future__ import annotations

from dataclasses import dataclass

from rapidrar.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeader:
    """What is checked of one file; `crc` is None where the archive records none."""

    crc: int | None
    encrypted: bool


def damaged(what: str) -> Refusal:
    """The archive contradicts itself or the format."""
    return Refusal(422, "Damaged", f"the archive is damaged: {what}")


def encrypted() -> Refusal:
    """The archive, or a file in it, is under a password."""
    return Refusal(422, "Encrypted", "the archive is encrypted; upload one without password")


def partial() -> Refusal:
    """The archive goes on in another file."""
    return Refusal(422, "Unsupported", "this is one part of several; upload an archive that is whole")
