#!/usr/bin/env python3
"""Tests a deployed RapidRAR from outside: ``python test_k8s.py http://pr-7.rapidrar.example.com``.

The URL may come from PREVIEW_URL instead. With EXPECTED_REVISION set, the instance must be that commit.
Needs nothing but Python. Exit code 0: all is well; 1: something is not; 2: no URL was given.
"""

# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

import http.client
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, urlsplit

from rar_writer import Member, archive, encrypted_archive

TIMEOUT_S = 20

# Big enough to be received in many pieces, and with a name that is not ASCII.
FILES = {"docs/read me.txt": b"Hello, preview!\n", "data/größe.bin": bytes(range(256)) * 2000, "empty": b""}
GOOD = archive([Member(name="docs", directory=True), *(Member(name=n, data=d) for n, d in FILES.items())])

HOSTILE: Mapping[str, tuple[bytes, int, str]] = {
    "path traversal": (archive([Member(name="../../etc/cron.d/x", data=b"x")]), 422, "UnsafeName"),
    "absolute name": (archive([Member(name="/etc/passwd", data=b"x")]), 422, "UnsafeName"),
    "drive letter": (archive([Member(name="C:\\Windows\\x", data=b"x")]), 422, "UnsafeName"),
    "bomb": (archive([Member(name="bomb", data=b"0" * 64, size=64 << 30)]), 422, "TooMuchData"),
    "too many entries": (archive(Member(name=f"{n}") for n in range(10_001)), 422, "TooManyEntries"),
    "cut off": (GOOD[: len(GOOD) // 2], 422, "Damaged"),
    "cut off at the end": (GOOD[:-8], 422, "Damaged"),
    "wrong checksum": (archive([Member(name="a", data=b"abc", crc=0xDEAD)]), 422, "Damaged"),
    "encrypted file": (
        archive([Member(name="a", data=b"0123456789abcdef", encrypted=True)]),
        422,
        "Encrypted",
    ),
    "encrypted names": (encrypted_archive(), 422, "Encrypted"),
    "link": (archive([Member(name="a", symlink="/etc/passwd")]), 422, "Unsupported"),
    "not an archive": (b"GIF89a" + bytes(500), 415, "NotRar"),
    "nothing": (b"", 415, "NotRar"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the instance said."""

    status: int
    body: bytes

    def json(self) -> dict[str, object]:
        """The body, which must be an object."""
        value = json.loads(self.body)
        assert isinstance(value, dict), f"not an object: {self.body[:200]!r}"
        return value


class Instance:
    """The deployed service."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._base = parts.path.rstrip("/")

    def get(self, path: str) -> Answer:
        """GET below the URL."""
        return self._request("GET", path, None, {})

    def post(self, path: str, body: bytes) -> Answer:
        """POST below the URL."""
        return self._request("POST", path, body, {})

    def announce(self, path: str, size: int) -> Answer:
        """Say that so many bytes come, send none, and read what is said to that."""
        return self._request("POST", path, None, {"Content-Length": str(size), "Expect": "100-continue"})

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        # Names below localhost are this machine (RFC 6761), though not every resolver knows.
        address = "127.0.0.1" if self._host.endswith(".localhost") else self._host
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        connection = kind(address, self._port, timeout=TIMEOUT_S)
        host = self._host if self._port is None else f"{self._host}:{self._port}"
        try:
            connection.request(method, self._base + path, body, {"Host": host, **headers})
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()


def is_healthy(instance: Instance) -> None:
    """It says that it is well, and shows a page."""
    assert instance.get("/healthz").status == http.HTTPStatus.OK
    page = instance.get("/")
    assert page.status == http.HTTPStatus.OK
    assert b"RapidRAR" in page.body


def is_the_commit(instance: Instance, expected: str) -> None:
    """It is the version that was deployed, and its page says so too."""
    sha = str(instance.get("/version").json()["sha"])
    assert not expected or sha == expected, f"expected {expected}, is {sha}"
    assert sha.encode() in instance.get("/").body, "the page does not name the commit"


def lists(instance: Instance) -> None:
    """It lists what is in an archive."""
    answer = instance.post("/archives/list", GOOD)
    assert answer.status == http.HTTPStatus.OK, answer.body
    assert answer.json()["format"] == "RAR 5"
    entries = answer.json()["entries"]
    assert isinstance(entries, list)
    assert {e["name"]: e["size"] for e in entries if e["kind"] == "file"} == {
        n: len(d) for n, d in FILES.items()
    }


def tests(instance: Instance) -> None:
    """It finds an intact archive intact."""
    answer = instance.post("/archives/test", GOOD)
    assert answer.json() == {"ok": True, "files": len(FILES), "bytes": sum(map(len, FILES.values()))}


def extracts(instance: Instance) -> None:
    """It gives back every byte, all at once and one by one."""
    answer = instance.post("/archives/extract", GOOD)
    assert answer.status == http.HTTPStatus.OK, answer.body
    with zipfile.ZipFile(io.BytesIO(answer.body)) as zipped:
        assert {n: zipped.read(n) for n in zipped.namelist() if not n.endswith("/")} == FILES
    for name, data in FILES.items():
        assert instance.post(f"/archives/extract?member={quote(name)}", GOOD).body == data, name
    assert instance.post("/archives/extract?member=none", GOOD).status == http.HTTPStatus.NOT_FOUND


def refuses(instance: Instance, what: str) -> None:
    """It refuses a hostile archive with a reason, and is well after it."""
    body, status, error = HOSTILE[what]
    answer = instance.post("/archives/extract", body)
    assert (answer.status, answer.json().get("error")) == (status, error), answer
    assert answer.json().get("message")
    assert instance.get("/healthz").status == http.HTTPStatus.OK


def refuses_what_is_too_large(instance: Instance) -> None:
    """It refuses an upload by its size, before the first byte of it."""
    answer = instance.announce("/archives/list", 1 << 40)
    assert answer.status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, answer


def main() -> int:
    """Run every check, tell each, and sum up."""
    environment = os.environ  # noqa: TID251 - the entry point
    url = sys.argv[1] if sys.argv[1:] else environment.get("PREVIEW_URL", "")
    if not url:
        sys.stderr.write("usage: test_k8s.py URL, or PREVIEW_URL in the environment\n")
        return 2
    instance = Instance(url)
    checks: dict[str, Callable[[], None]] = {
        "is healthy": partial(is_healthy, instance),
        "is the commit": partial(is_the_commit, instance, environment.get("EXPECTED_REVISION", "")),
        "lists": partial(lists, instance),
        "tests": partial(tests, instance),
        "extracts": partial(extracts, instance),
        "refuses what is too large": partial(refuses_what_is_too_large, instance),
        **{f"refuses: {what}": partial(refuses, instance, what) for what in HOSTILE},
    }
    failed = [name for name, check in checks.items() if not passes(name, check)]
    sys.stdout.write(f"{len(checks) - len(failed)} of {len(checks)} checks passed against {url}\n")
    return 1 if failed else 0


def passes(name: str, check: Callable[[], None]) -> bool:
    """Whether the check holds; the reason why not is told."""
    try:
        check()
    except (AssertionError, OSError, ValueError, LookupError, http.client.HTTPException) as error:
        sys.stdout.write(f"FAILED  {name}: {type(error).__name__}: {str(error)[:500]}\n")
        return False
    sys.stdout.write(f"ok      {name}\n")
    return True


if __name__ == "__main__":
    sys.exit(main())
