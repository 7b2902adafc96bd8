"""Reads an archive as if its author meant harm: no name, count or byte is passed on unchecked."""

from __future__ import annotations

import os
import re
import unicodedata
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from rapidrar import rar4, rar5
from rapidrar.headers import FileHeader, damaged, encrypted
from rapidrar.libarchive import Archive, Entry, ReadError
from rapidrar.limits import Limits
from rapidrar.refusal import Refusal

# Control characters, halves of pairs, and what breaks lines.
_INVISIBLE = ("Cc", "Cs", "Zl", "Zp")
_DRIVE = re.compile(r"[A-Za-z]:")


class Reader:
    """One pass over the RAR archive in `file`, which is also this process's standard input.

    `version` is that of the format, known once the first entry was asked for.
    """

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self.version = 0
        self._file = file
        self._limits = limits
        self._uploaded = os.fstat(file.fileno()).st_size
        self._declared = 0
        self._read = 0
        self._crc: int | None = None
        self._size = 0

    def entries(self) -> Iterator[Entry]:
        """Each entry, checked; its data may be read until the next one is asked for."""
        headers = self._headers()
        seen: set[str] = set()
        try:
            archive = self._archive = Archive()
            for entry in archive.entries():
                self._check(entry, next(headers, None), seen)
                yield entry
        except ReadError as error:
            raise _refusal_of(error) from error

    def data(self) -> Iterator[bytes]:
        """The bytes of the current entry, bounded; its last block comes before its checksum is compared."""
        crc = size = 0
        try:
            for block in self._archive.data():
                crc, size = zlib.crc32(block, crc), size + len(block)
                self._read += len(block)
                self._bound(self._read)
                yield block
        except ReadError as error:
            raise _refusal_of(error) from error
        if size != self._size:
            raise damaged(f"a file says it has {self._size} bytes, and has {size}")
        if self._crc is not None and crc != self._crc:
            raise damaged("the checksum of a file does not match its bytes")

    def _headers(self) -> Iterator[FileHeader]:
        """What the archive's headers say of each file in turn."""
        start = self._file.read(len(rar5.SIGNATURE))
        if start.startswith(rar4.SIGNATURE):
            self.version, walk = 4, rar4.file_headers(self._file)
        elif start == rar5.SIGNATURE:
            self.version, walk = 5, rar5.file_headers(self._file)
        else:
            raise Refusal(415, "NotRar", "this is not a RAR archive: it has neither signature, of RAR 4 or 5")
        # All of them now, so that a cut is seen before the first file is passed on.
        headers = list(islice(walk, self._limits.entries + 1))
        # libarchive reads the descriptor itself, beneath Python's buffer.
        os.lseek(self._file.fileno(), 0, os.SEEK_SET)
        return iter(headers)

    def _check(self, entry: Entry, header: FileHeader | None, seen: set[str]) -> None:
        name = entry.name
        if name is None or not _is_safe(name, self._limits.name_characters):
            raise Refusal(
                422, "UnsafeName", f"the archive has a name that must not be extracted: {_shown(name)}"
            )
        if name in seen:
            raise Refusal(422, "RepeatedName", f"the archive has two entries named {_shown(name)}")
        seen.add(name)
        if header is None:
            raise damaged("it has fewer headers than files")
        if entry.encrypted or header.encrypted:
            raise encrypted()
        self._crc, self._size = header.crc, entry.size
        if len(seen) > self._limits.entries:
            raise Refusal(422, "TooManyEntries", f"the archive has more than {self._limits.entries} entries")
        self._declared += max(entry.size, 0)
        self._bound(self._declared)

    def _bound(self, total: int) -> None:
        """Refuse once so many bytes came out, or are said to come."""
        limits = self._limits
        if total > limits.extracted_bytes:
            raise Refusal(
                422,
                "TooMuchData",
                f"the archive holds more than {limits.extracted_bytes} bytes; that is the limit",
            )
        if total > max(limits.ratio_free_bytes, limits.ratio * self._uploaded):
            raise Refusal(
                422, "RatioTooHigh", f"the archive holds more than {limits.ratio} times its own size: a bomb"
            )


def _is_safe(name: str, longest: int) -> bool:
    """Whether the name stays below the folder it is extracted to, on any system."""
    path = name.replace("\\", "/")
    parts = path.rstrip("/").split("/")
    return (
        len(name) <= longest
        and not any(unicodedata.category(character) in _INVISIBLE for character in name)
        and not _DRIVE.match(path)
        and all(part not in ("", ".", "..") for part in parts)
    )


def _shown(name: str | None) -> str:
    return "one in no known encoding" if name is None else ascii(name[:100])


def _refusal_of(error: ReadError) -> Refusal:
    # libarchive has no code for it; its sentences of both formats have this word.
    if "encryption" in str(error).lower():
        return encrypted()
    return damaged(str(error))
