"""The process that reads one archive: standard input is the archive, standard output the answer.

It limits itself before it looks at the first byte. A refusal is JSON on standard error and exit code 3;
exit code 4
says that the memory did not suffice.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import zipfile
from collections.abc import Callable
from typing import BinaryIO

from rapidrar.libarchive import Entry
from rapidrar.limits import MIB, Limits
from rapidrar.reader import Reader
from rapidrar.refusal import Refusal

REFUSED, TOO_BIG = 3, 4

# ZIP knows no earlier year.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def list_entries(reader: Reader, out: BinaryIO) -> None:
    """What is in the archive, by its headers."""
    entries = list(reader.entries())
    size = sum(max(entry.size, 0) for entry in entries)
    shown = [_as_json(entry) for entry in entries]
    _write_json(out, {"format": f"RAR {reader.version}", "entries": shown, "bytes": size})


def test(reader: Reader, out: BinaryIO) -> None:
    """Read every file to its end and compare its checksum."""
    files = size = 0
    for entry in reader.entries():
        if entry.kind == "file":
            files += 1
            size += sum(map(len, reader.data()))
    _write_json(out, {"ok": True, "files": files, "bytes": size})


def extract(reader: Reader, out: BinaryIO) -> None:
    """All files and directories as one ZIP."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for entry in reader.entries():
            _only_files(entry)
            when = max(time.gmtime(entry.modified)[:6], _ZIP_EPOCH)
            name = str(entry.name).rstrip("/")
            if entry.kind == "directory":
                archive.writestr(zipfile.ZipInfo(f"{name}/", when), b"")
                continue
            info = zipfile.ZipInfo(name, when)
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w") as target:
                for block in reader.data():
                    target.write(block)


def extract_member(reader: Reader, out: BinaryIO, wanted: str) -> None:
    """One file, as it is."""
    for entry in reader.entries():
        if entry.name == wanted:
            _only_files(entry)
            if entry.kind == "directory":
                raise Refusal(422, "Unsupported", f"{wanted!a} is a directory")
            out.writelines(reader.data())
            return
    raise Refusal(404, "NoSuchMember", f"the archive has no file {wanted[:100]!a}")


def _only_files(entry: Entry) -> None:
    if entry.kind not in ("file", "directory"):
        raise Refusal(422, "Unsupported", f"{entry.name!a} is a {entry.kind}; links are not extracted")


def _as_json(entry: Entry) -> dict[str, object]:
    return {"name": entry.name, "kind": entry.kind, "size": max(entry.size, 0), "modified": entry.modified}


def _write_json(out: BinaryIO, value: object) -> None:
    out.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")


def _confine(limits: Limits) -> None:
    bounds = {
        resource.RLIMIT_AS: limits.reader_memory_bytes,
        resource.RLIMIT_CPU: limits.reader_s,
        # Room for the ZIP's own directory.
        resource.RLIMIT_FSIZE: limits.extracted_bytes + 16 * MIB,
        resource.RLIMIT_CORE: 0,
    }
    for bound, value in bounds.items():
        resource.setrlimit(bound, (value, value))


def main() -> int:
    """Do what the first argument says."""
    deeds: dict[str, Callable[..., None]] = {
        "list": list_entries,
        "test": test,
        "extract": extract,
        "member": extract_member,
    }
    limits = Limits()
    _confine(limits)
    deed, *arguments = sys.argv[1:]
    try:
        deeds[deed](Reader(sys.stdin.buffer, limits), sys.stdout.buffer, *arguments)
    except Refusal as refusal:
        json.dump({"status": refusal.status, **refusal.as_json()}, sys.stderr)
        return REFUSED
    except MemoryError:
        return TOO_BIG
    return 0


if __name__ == "__main__":
    sys.exit(main())
