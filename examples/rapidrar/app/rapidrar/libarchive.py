"""The few calls of the C library libarchive that read a RAR archive, and nothing else of it."""

from __future__ import annotations

import ctypes
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_OK, _EOF, _WARN = 0, 1, -20
_BLOCK: Final = 64 * 1024

_lib = ctypes.CDLL("libarchive.so.13")


def _declare(name: str, result: object, *arguments: object) -> None:
    function = getattr(_lib, name)
    function.restype = result
    function.argtypes = list(arguments)


_declare("archive_read_new", ctypes.c_void_p)
_declare("archive_read_support_format_rar", ctypes.c_int, ctypes.c_void_p)
_declare("archive_read_support_format_rar5", ctypes.c_int, ctypes.c_void_p)
_declare("archive_read_open_filename", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
_declare("archive_read_next_header", ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p))
_declare("archive_read_data", ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_declare("archive_error_string", ctypes.c_char_p, ctypes.c_void_p)
_declare("archive_entry_pathname_w", ctypes.c_wchar_p, ctypes.c_void_p)
_declare("archive_entry_symlink_w", ctypes.c_wchar_p, ctypes.c_void_p)
_declare("archive_entry_hardlink_w", ctypes.c_wchar_p, ctypes.c_void_p)
_declare("archive_entry_filetype", ctypes.c_uint, ctypes.c_void_p)
_declare("archive_entry_size", ctypes.c_int64, ctypes.c_void_p)
_declare("archive_entry_mtime", ctypes.c_int64, ctypes.c_void_p)
_declare("archive_entry_is_encrypted", ctypes.c_int, ctypes.c_void_p)


class ReadError(Exception):
    """The archive could not be read on; the message is libarchive's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One header. `name` is None when it is in no encoding that can be read."""

    name: str | None
    kind: str
    size: int
    modified: int
    encrypted: bool


class Archive:
    """The archive on standard input, which must be a file: RAR readers seek.

    Nothing is freed: the process ends with the archive.
    """

    def __init__(self) -> None:
        self._handle = _lib.archive_read_new()
        _lib.archive_read_support_format_rar(self._handle)
        _lib.archive_read_support_format_rar5(self._handle)
        # No name means standard input.
        self._check(_lib.archive_read_open_filename(self._handle, None, _BLOCK))

    def entries(self) -> Iterator[Entry]:
        """The headers in order; the data of one may be read until the next is asked for."""
        pointer = ctypes.c_void_p()
        while self._check(_lib.archive_read_next_header(self._handle, ctypes.byref(pointer))) != _EOF:
            yield Entry(
                name=_lib.archive_entry_pathname_w(pointer),
                kind=_kind_of(pointer),
                size=_lib.archive_entry_size(pointer),
                modified=_lib.archive_entry_mtime(pointer),
                encrypted=_lib.archive_entry_is_encrypted(pointer) == 1,
            )

    def data(self) -> Iterator[bytes]:
        """The data of the entry last returned, block by block; the last one proves the checksum."""
        buffer = ctypes.create_string_buffer(_BLOCK)
        while count := self._check(_lib.archive_read_data(self._handle, buffer, _BLOCK)):
            yield buffer.raw[:count]

    def _check(self, result: int) -> int:
        # A warning of the RAR readers is a broken name or a checksum that does not match: not our truth.
        if result >= _OK:
            return result
        message = (_lib.archive_error_string(self._handle) or b"no reason was given").decode(errors="replace")
        raise ReadError(message)


def _kind_of(pointer: ctypes.c_void_p) -> str:
    if _lib.archive_entry_hardlink_w(pointer) is not None:
        return "hardlink"
    mode = _lib.archive_entry_filetype(pointer)
    if _lib.archive_entry_symlink_w(pointer) is not None or stat.S_ISLNK(mode):
        return "symlink"
    return "directory" if stat.S_ISDIR(mode) else "file"
