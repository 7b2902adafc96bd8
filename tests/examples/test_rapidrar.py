"""RapidRAR as a running server, over HTTP, with the real libarchive."""

from __future__ import annotations

import http.client
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from rapidrar.limits import Limits
from rapidrar.server import Server
from rar_writer import Member, archive

from tests.examples import RAPIDRAR
from tests.examples.archives import encrypted_rar4, rar4, repeated

REVISION = "0123456789abcdef0123456789abcdef01234567"
_START = [sys.executable, "-u", "-m", "rapidrar"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage

    def json(self) -> Any:
        """The body as a value."""
        return json.loads(self.body)


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        return Answer(response.status, response.read(), response.headers)
    finally:
        connection.close()


def refusal(port: int, deed: str, body: bytes) -> tuple[int, str]:
    """The status and the word with which the archive is refused; there is always a sentence too."""
    answer = ask(port, "POST", f"/archives/{deed}", body)
    assert answer.json()["message"]

    return answer.status, answer.json()["error"]


@contextmanager
def program() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """RapidRAR as a program on a free port; it is ended, whatever happens."""
    environment = {"PYTHONPATH": str(RAPIDRAR / "app"), "PORT": "0", "REVISION": REVISION}
    with subprocess.Popen(_START, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own module
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().split()[-1])
        finally:
            process.kill()


@pytest.fixture(scope="module", name="port")
def _port() -> Iterator[int]:
    with program() as (_, port):
        yield port


@contextmanager
def limited(limits: Limits) -> Iterator[int]:
    """RapidRAR with other limits, and a revision that is not to be trusted."""
    with Server(("127.0.0.1", 0), "<script>", limits) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def deployment_test(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run test_k8s.py as a user would."""
    command = [sys.executable, str(RAPIDRAR / "test_k8s.py"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)  # noqa: S603 - our own script


def test_the_deployment_test_passes_against_a_good_instance(port: int) -> None:
    """test_k8s.py lists, tests, extracts and attacks a running instance, and is content."""
    result = deployment_test(PREVIEW_URL=f"http://pr-7.rapidrar.localhost:{port}", EXPECTED_REVISION=REVISION)

    assert result.returncode == 0, result.stdout + result.stderr
    assert "FAILED" not in result.stdout


def test_the_deployment_test_fails_against_another_commit(port: int) -> None:
    """test_k8s.py tells an instance of another commit by its SHA, and exits with 1."""
    result = deployment_test(f"http://127.0.0.1:{port}", EXPECTED_REVISION="f" * 40)

    assert result.returncode == 1
    assert f"expected {'f' * 40}, is {REVISION}" in result.stdout


def test_the_deployment_test_wants_a_url() -> None:
    """test_k8s.py without a URL says how it is used, and exits with 2."""
    result = deployment_test()

    assert (result.returncode, result.stdout) == (2, "")
    assert "PREVIEW_URL" in result.stderr


def test_rar_4_is_read(port: int) -> None:
    """An archive of the older format is listed, tested and extracted."""
    files = {"a.txt": b"old but well\n" * 5000, "folder/b.bin": bytes(range(256))}
    body = rar4(files)

    listed = ask(port, "POST", "/archives/list", body).json()

    assert listed["format"] == "RAR 4"
    assert {entry["name"]: entry["size"] for entry in listed["entries"]} == {
        n: len(d) for n, d in files.items()
    }
    assert ask(port, "POST", "/archives/test", body).json() == {"ok": True, "files": 2, "bytes": 65256}
    assert ask(port, "POST", "/archives/extract?member=a.txt", body).body == files["a.txt"]


def test_compressed_data_is_read(port: int) -> None:
    """A compressed file comes out as it went in, and its checksum is compared."""
    stream, size = repeated(300)
    plain = b"A" * size
    good = archive([Member(name="a", data=stream, method=3, size=size, crc=zlib.crc32(plain))])
    bad = archive([Member(name="a", data=stream, method=3, size=size, crc=1)])

    assert ask(port, "POST", "/archives/extract?member=a", good).body == plain
    assert refusal(port, "test", bad) == (422, "Damaged")


_BOMB, _BOMB_SIZE = repeated(20_000)
_SMALL_BOMB, _SMALL_SIZE = repeated(900)

HOSTILE = {
    "a bomb that says so": (
        archive([Member(name="a", data=_BOMB, method=3, size=_BOMB_SIZE)]),
        (422, "RatioTooHigh"),
    ),
    "a bomb that calls itself small": (
        archive([Member(name="a", data=_BOMB, method=3, size=100)]),
        (422, "Damaged"),
    ),
    "many small bombs": (
        archive(
            Member(
                name=f"{n}", data=_SMALL_BOMB, method=3, size=_SMALL_SIZE, crc=zlib.crc32(b"A" * _SMALL_SIZE)
            )
            for n in range(9)
        ),
        (422, "RatioTooHigh"),
    ),
    "RAR 4 that says it is huge": (rar4({"a": b"x" * 99}, size=1 << 31), (422, "TooMuchData")),
    "RAR 4 with a wrong checksum": (rar4({"a": b"x" * 99}, crc=1), (422, "Damaged")),
    "RAR 4 under a password": (encrypted_rar4(), (422, "Encrypted")),
    "RAR 4 cut off": (rar4({"a": b"x" * 99})[:-50], (422, "Damaged")),
    "RAR 4 going up": (rar4({"a/../../b": b"x"}), (422, "UnsafeName")),
    "RAR 4 in parts": (rar4({"a": b"x"}, flags=2), (422, "Unsupported")),
    "names that end in a dot-dot": (archive([Member(name="a/..", data=b"x")]), (422, "UnsafeName")),
    "names with a line break": (archive([Member(name="a\nb", data=b"x")]), (422, "UnsafeName")),
    "names of Windows going up": (archive([Member(name="..\\..\\b", data=b"x")]), (422, "UnsafeName")),
    "a name that never ends": (archive([Member(name="n" * 2000, data=b"x")]), (422, "UnsafeName")),
    "no name": (archive([Member(name="", data=b"x")]), (422, "Damaged")),
    "one name twice": (archive([Member(name="a", data=b"x")] * 2), (422, "RepeatedName")),
    "a size that is not true": (archive([Member(name="a", data=b"abc", size=4)]), (422, "Damaged")),
    "a size that is not known": (
        archive([Member(name="a", data=b"abc", size_unknown=True)]),
        (422, "Damaged"),
    ),
    "nothing but a signature": (archive([])[:8], (422, "Damaged")),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archives_are_refused(port: int, what: str) -> None:
    """Each is refused with a status, a word and a sentence, whether tested or extracted."""
    body, expected = HOSTILE[what]

    assert refusal(port, "test", body) == expected
    assert refusal(port, "extract", body) == expected


def test_damage_anywhere_never_breaks_the_service(port: int) -> None:
    """Whatever bytes of an archive are changed, the answer is what it was, or a refusal; never a fault."""
    chance = random.Random(5)  # noqa: S311 - the same damage each time, not a secret
    stream, size = repeated(20)
    whole = archive(
        [Member(name="a", data=b"abc" * 50), Member(name="b", data=stream, method=3, size=size, crc=1)]
    )

    for _ in range(30):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(8, len(damaged))] = chance.randrange(256)
        answer = ask(port, "POST", "/archives/extract", bytes(damaged))
        assert answer.status in {200, 422}, (answer, damaged.hex())

    assert ask(port, "GET", "/healthz").status == 200


def test_a_large_upload_is_refused_before_it_is_sent(port: int) -> None:
    """The size is judged by its announcement; a client that sends all the same still reads the answer."""
    announced = ask(port, "POST", "/archives/list", None, Content_Length=str(1 << 40), Expect="100-continue")
    sent = ask(port, "POST", "/archives/list", bytes(33 * 1024 * 1024))

    assert (announced.status, announced.json()["error"]) == (413, "TooLarge")
    assert (sent.status, sent.json()["error"]) == (413, "TooLarge")


def test_an_upload_of_unknown_size_is_refused(port: int) -> None:
    """Chunks, and sizes that are no numbers, are refused: what cannot be bounded is not received."""
    chunked = ask(
        port, "POST", "/archives/list", b"0\r\n\r\n", Transfer_Encoding="chunked", Content_Length="5"
    )
    negative = ask(port, "POST", "/archives/list", None, Content_Length="-5")

    assert (chunked.status, chunked.json()["error"]) == (411, "LengthRequired")
    assert (negative.status, negative.json()["error"]) == (400, "BadRequest")


def test_an_upload_that_ends_early_is_refused(port: int) -> None:
    """A client that promises more than it sends is told so."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"POST /archives/list HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nRar!")
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"Incomplete"' in answer


def test_more_requests_than_places_are_told_to_come_back() -> None:
    """While every place is taken a request is refused with 503; when one is free again, it is served."""
    body = archive([Member(name="a", data=b"abc")])
    with limited(Limits(jobs=1, turn_s=0.05)) as port:

        def until(status: int) -> Answer:
            answers = (ask(port, "POST", "/archives/list", body) for _ in range(200))
            return next(answer for answer in answers if answer.status == status)

        with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
            slow.sendall(b"POST /archives/list HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nRar!")
            busy = until(503)

        assert (busy.json()["error"], busy.headers["Retry-After"]) == ("Busy", "5")
        assert until(200).json()["bytes"] == 3


def test_an_archive_that_takes_too_long_is_refused() -> None:
    """The reader is ended at its deadline, and the client told."""
    with limited(Limits(reader_s=0)) as port:
        assert refusal(port, "list", archive([])) == (422, "TooSlow")


def test_unknown_places_and_wrong_methods_are_told(port: int) -> None:
    """404, 405 and 501 are JSON like every other refusal."""
    assert (ask(port, "GET", "/nowhere").status, ask(port, "POST", "/archives/burn", b"").status) == (
        404,
        404,
    )
    assert ask(port, "GET", "/archives/list").headers["Allow"] == "POST"
    assert ask(port, "PATCH", "/").json()["error"] == "NotImplemented"


def test_the_page_shows_which_commit_it_is(port: int) -> None:
    """The page names the version and the commit, loads only what is its own, and takes HEAD."""
    page = ask(port, "GET", "/")

    assert REVISION in page.body.decode()
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert {ask(port, "GET", asset).status for asset in ("/page.css", "/page.js")} == {200}
    assert (ask(port, "HEAD", "/").status, ask(port, "HEAD", "/").body) == (200, b"")
    assert ask(port, "GET", "/version").json() == {"version": "1.0.0", "sha": REVISION}


def test_the_page_trusts_nobody() -> None:
    """A revision with markup in it is shown, not run."""
    with limited(Limits()) as port:
        assert b"<script>" not in ask(port, "GET", "/").body.replace(b'<script src="page.js"', b"")


def test_it_stops_when_told() -> None:
    """SIGTERM ends it with exit code 0, even while a client keeps a connection open."""
    with program() as (process, port), socket.create_connection(("127.0.0.1", port)):
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=30) == 0
