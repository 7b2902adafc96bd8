"""Walks the headers of a RAR 5 archive."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from rapidrar.headers import FileHeader, damaged, encrypted, partial

SIGNATURE = b"Rar!\x1a\x07\x01\x00"

_FILE, _ENCRYPTION, _END = 2, 4, 5
_HAS_EXTRA, _HAS_DATA, _SPLIT = 0x01, 0x02, 0x18
_HAS_MTIME, _HAS_CRC = 0x02, 0x04
_EXTRA_ENCRYPTION = 0x01
# The format's own bound.
_MAX_HEADER = 2 * 1024 * 1024


def file_headers(file: BinaryIO) -> Iterator[FileHeader]:
    """The file headers in order, up to the end-of-archive block; refuses what is not well formed."""
    end = file.seek(0, os.SEEK_END)
    position = len(SIGNATURE)
    while True:
        file.seek(position)
        header, length = _read_header(file)
        kind, flags = header.vint(), header.vint()
        extra_size = header.vint() if flags & _HAS_EXTRA else 0
        data_size = header.vint() if flags & _HAS_DATA else 0
        position += length + data_size
        if position > end:
            raise damaged("it is cut off inside a file")
        if kind == _ENCRYPTION:
            raise encrypted()
        if kind == _END:
            return
        if kind == _FILE:
            if flags & _SPLIT:
                raise partial()
            yield _file_header(header, extra_size)


class _Bytes:
    """A header's bytes, read from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        self._at += count
        if self._at > len(self._data):
            raise damaged("a header ends too early")
        return self._data[self._at - count : self._at]

    def vint(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return number
        raise damaged("a number in a header has no end")

    def last(self, count: int) -> _Bytes:
        return _Bytes(self._data[max(self._at, len(self._data) - count) :])

    def __bool__(self) -> bool:
        return self._at < len(self._data)


def _read_header(file: BinaryIO) -> tuple[_Bytes, int]:
    """The header at the file's position, its checksum compared, and its length in the file."""
    start = file.read(4 + 3)
    size = _Bytes(start[4:])
    count = size.vint()
    prefix = 4 + _vint_length(start[4:])
    if count > _MAX_HEADER:
        raise damaged("a header is longer than the format allows")
    file.seek(prefix - len(start), os.SEEK_CUR)
    body = file.read(count)
    if len(body) < count:
        raise damaged("it is cut off inside a header")
    if zlib.crc32(start[4:prefix] + body) != int.from_bytes(start[:4], "little"):
        raise damaged("the checksum of a header does not match")
    return _Bytes(body), prefix + count


def _vint_length(data: bytes) -> int:
    return next(index for index, byte in enumerate(data, start=1) if not byte & 0x80)


def _file_header(header: _Bytes, extra_size: int) -> FileHeader:
    flags, _size, _attributes = header.vint(), header.vint(), header.vint()
    header.take(4 if flags & _HAS_MTIME else 0)
    crc = int.from_bytes(header.take(4), "little") if flags & _HAS_CRC else None
    return FileHeader(crc=crc, encrypted=_is_encrypted(header.last(extra_size)))


def _is_encrypted(extra: _Bytes) -> bool:
    while extra:
        record = _Bytes(extra.take(extra.vint()))
        if record.vint() == _EXTRA_ENCRYPTION:
            return True
    return False
