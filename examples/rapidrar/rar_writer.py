#!/usr/bin/env python3
"""Writes small RAR 5 archives for tests, without compression, after the published format description.

No free program writes RAR, and a test that uploads an archive has to get one from somewhere. What a test
needs to be wrong (a name, a size, a checksum, a missing end) can be made wrong here.
As a program it writes a sample: ``python rar_writer.py sample.rar``.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SIGNATURE = b"Rar!\x1a\x07\x01\x00"

_MAIN, _FILE, _ENCRYPTION, _END = 1, 2, 4, 5
_HAS_EXTRA, _HAS_DATA = 0x01, 0x02
_IS_DIRECTORY, _HAS_MTIME, _HAS_CRC, _SIZE_UNKNOWN = 0x01, 0x02, 0x04, 0x08
_UNIX = 1
# Extra records of a file header: how it is encrypted, and where a link points.
_EXTRA_ENCRYPTION, _EXTRA_LINK = 0x01, 0x05
_UNIX_SYMLINK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file or directory. `size` and `crc` are what the header says, when that is not the truth.

    `method` is the number of a compression method and `data` its packed stream; 0 stores.
    """

    name: str
    data: bytes = b""
    directory: bool = False
    mtime: int = 1_700_000_000
    method: int = 0
    size: int | None = None
    size_unknown: bool = False
    crc: int | None = None
    encrypted: bool = False
    symlink: str = ""


def archive(members: Iterable[Member]) -> bytes:
    """The bytes of a complete archive."""
    blocks = [_block(_MAIN, _vint(0)), *(_file(member) for member in members), _block(_END, _vint(0))]
    return SIGNATURE + b"".join(blocks)


def encrypted_archive() -> bytes:
    """An archive whose names are encrypted too: all that follows its first block is noise."""
    return SIGNATURE + _block(_ENCRYPTION, _vint(0) + _vint(0) + bytes([15]) + bytes(16)) + bytes(range(256))


def _vint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the high bit says that more follow."""
    out = bytearray()
    while more := number >> 7:
        out.append(number & 0x7F | 0x80)
        number = more
    out.append(number)
    return bytes(out)


def _block(kind: int, body: bytes, *, extra: bytes = b"", data: bytes | None = None) -> bytes:
    """A header of type `kind` under its checksum, and the data that belongs to it, if it may have any."""
    flags = (_HAS_EXTRA if extra else 0) | (0 if data is None else _HAS_DATA)
    sizes = (_vint(len(extra)) if extra else b"") + (b"" if data is None else _vint(len(data)))
    header = _vint(kind) + _vint(flags) + sizes + body + extra
    checked = _vint(len(header)) + header
    return zlib.crc32(checked).to_bytes(4, "little") + checked + (data or b"")


def _file(member: Member) -> bytes:
    flags = _HAS_MTIME | (_IS_DIRECTORY if member.directory else _HAS_CRC)
    flags |= _SIZE_UNKNOWN if member.size_unknown else 0
    crc = zlib.crc32(member.data) if member.crc is None else member.crc
    name = member.name.encode()
    body = b"".join(
        [
            _vint(flags),
            _vint(len(member.data) if member.size is None else member.size),
            _vint(0o040755 if member.directory else 0o100644),
            member.mtime.to_bytes(4, "little"),
            b"" if member.directory else crc.to_bytes(4, "little"),
            _vint(member.method << 7),
            _vint(_UNIX),
            _vint(len(name)),
            name,
        ]
    )
    return _block(_FILE, body, extra=_extra(member), data=member.data)


def _extra(member: Member) -> bytes:
    records = []
    if member.encrypted:
        # AES-256, no password check, 2^15 rounds, salt, initialisation vector.
        records.append(_vint(_EXTRA_ENCRYPTION) + _vint(0) + _vint(0) + bytes([15]) + bytes(32))
    if member.symlink:
        target = member.symlink.encode()
        records.append(_vint(_EXTRA_LINK) + _vint(_UNIX_SYMLINK) + _vint(0) + _vint(len(target)) + target)
    return b"".join(_vint(len(record)) + record for record in records)


if __name__ == "__main__":
    SAMPLE = [Member(name="docs", directory=True), Member(name="docs/hello.txt", data=b"Hello, RapidRAR!\n")]
    Path(sys.argv[1]).write_bytes(archive(SAMPLE))
