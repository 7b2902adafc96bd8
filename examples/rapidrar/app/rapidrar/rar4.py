"""Walks the headers of a RAR 4 archive."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from rapidrar.headers import FileHeader, damaged, encrypted, partial

SIGNATURE = b"Rar!\x1a\x07\x00"

_MAIN, _FILE, _END = 0x73, 0x74, 0x7B
_HAS_DATA = 0x8000
_NAMES_ENCRYPTED = 0x0080
_SPLIT, _ENCRYPTED, _LARGE = 0x0003, 0x0004, 0x0100
# Checksum, type, flags and size of each block; then, in a file's, what comes before its name.
_PREFIX, _FILE_PREFIX, _LARGE_PREFIX = 7, 32, 40


def file_headers(file: BinaryIO) -> Iterator[FileHeader]:
    """The file headers in order. The end block is optional in this format: a cut shows in the data."""
    end = file.seek(0, os.SEEK_END)
    position = len(SIGNATURE)
    while position < end:
        file.seek(position)
        header = _read_header(file)
        kind, flags = header[2], _number(header[3:5])
        if kind == _MAIN and flags & _NAMES_ENCRYPTED:
            raise encrypted()
        if kind == _END:
            return
        position += len(header) + _data_size(header, flags)
        if position > end:
            raise damaged("it is cut off inside a file")
        if kind == _FILE:
            if flags & _SPLIT:
                raise partial()
            yield FileHeader(crc=_number(header[16:20]), encrypted=bool(flags & _ENCRYPTED))


def _read_header(file: BinaryIO) -> bytes:
    prefix = file.read(_PREFIX)
    size = _number(prefix[5:7])
    header = prefix + file.read(max(size - _PREFIX, 0))
    if size < _PREFIX or len(header) < size:
        raise damaged("it is cut off inside a header")
    if zlib.crc32(header[2:]) & 0xFFFF != _number(header[:2]):
        raise damaged("the checksum of a header does not match")
    return header


def _data_size(header: bytes, flags: int) -> int:
    """How much data follows the header."""
    if header[2] != _FILE:
        return _number(header[7:11]) if flags & _HAS_DATA else 0
    if len(header) < (_LARGE_PREFIX if flags & _LARGE else _FILE_PREFIX):
        raise damaged("a header ends too early")
    high = _number(header[32:36]) if flags & _LARGE else 0
    return high << 32 | _number(header[7:11])


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
