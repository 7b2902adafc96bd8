"""Archives that the example's own writer does not make: RAR 4, and compressed RAR 5."""

from __future__ import annotations

import zlib

RAR4_SIGNATURE = b"Rar!\x1a\x07\x00"
_MAIN, _FILE, _END = 0x73, 0x74, 0x7B
_LONG_BLOCK, _PASSWORD = 0x8000, 0x0004
_UNIX, _VERSION, _STORED = 3, 29, 0x30
_MODE = 0o100644
# 2024-05-06 07:08:10, as MS-DOS packs it.
_TIME = (2024 - 1980) << 25 | 5 << 21 | 6 << 16 | 7 << 11 | 8 << 5 | 10 // 2


def rar4(
    files: dict[str, bytes], *, size: int | None = None, crc: int | None = None, flags: int = 0
) -> bytes:
    """A RAR 4 archive of stored files; `size` and `crc` are what it says of each, when not the truth."""
    blocks = [RAR4_SIGNATURE, _block(_MAIN, 0, bytes(6))]
    for name, data in files.items():
        body = b"".join(
            [
                len(data).to_bytes(4, "little"),
                (len(data) if size is None else size).to_bytes(4, "little"),
                bytes([_UNIX]),
                (zlib.crc32(data) if crc is None else crc).to_bytes(4, "little"),
                _TIME.to_bytes(4, "little"),
                bytes([_VERSION, _STORED]),
                len(name).to_bytes(2, "little"),
                _MODE.to_bytes(4, "little"),
                name.encode("ascii"),
            ]
        )
        blocks += [_block(_FILE, _LONG_BLOCK | flags, body), data]
    return b"".join([*blocks, _block(_END, 0x4000, b"")])


def encrypted_rar4() -> bytes:
    """A RAR 4 archive of one file under a password."""
    return rar4({"secret": bytes(32)}, flags=_PASSWORD)


def _block(kind: int, flags: int, body: bytes) -> bytes:
    header = bytes([kind]) + flags.to_bytes(2, "little") + (7 + len(body)).to_bytes(2, "little") + body
    return (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") + header


# What `repeated` writes: one literal, then matches of the greatest length at distance 1.
_LITERAL = ord("A")
_LONGEST = 4097
_LITERALS, _DISTANCES, _REST = 306, 64, 44 + 16


def repeated(matches: int) -> tuple[bytes, int]:
    """A compressed RAR 5 stream of one 'A' and so many times 4097 more; and how many it makes: a bomb."""
    # Lengths of codes are written by a code of their own: 0 and 1 as they are, 18 and 19 for runs of
    # zeros; each of the four takes two bits, and these nibbles say so.
    bits = "".join(f"{2 if symbol in (0, 1, 18, 19) else 0:04b}" for symbol in range(20))
    slot = _LITERALS - 1
    bits += _zeros(_LITERAL) + "01" + _zeros(slot - _LITERAL - 1) + "01"
    bits += "01" + _zeros(_DISTANCES - 1 + _REST)
    # The literal is code 0; the greatest length code 1 and nine bits; distance 1 is code 0.
    bits += "0" + ("1" + "1" * 9 + "0") * matches
    return _compressed_block(bits), 1 + _LONGEST * matches


def _zeros(count: int) -> str:
    """A run of unused symbols, in runs of at most 138."""
    out = ""
    while count:
        run = min(count, 138)
        out += f"11{run - 11:07b}"
        count -= run
    return out


def _compressed_block(bits: str) -> bytes:
    """One block, the last of its file, with tables."""
    used = (len(bits) - 1) % 8
    data = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    size = len(data).to_bytes(3, "little")
    flags = 0x80 | 0x40 | 2 << 3 | used
    return bytes([flags, 0x5A ^ flags ^ size[0] ^ size[1] ^ size[2], *size]) + data
