"""The HTTP API. A request is refused before its body is read whenever its headers suffice to say so."""

from __future__ import annotations

import html
import json
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from socketserver import TCPServer
from typing import BinaryIO
from urllib.parse import parse_qs, quote, urlsplit

from rapidrar import __version__
from rapidrar.jobs import Jobs
from rapidrar.limits import Limits
from rapidrar.refusal import Refusal

_BLOCK = 64 * 1024
_JSON = "application/json"
_PAGE = resources.files("rapidrar") / "page"
_ASSETS = {"/page.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8"}
# The page needs its own style and script, and to send archives here.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DEEDS = ("list", "test", "extract")


class Server(ThreadingHTTPServer):
    """One thread a connection; the archives are read in other processes."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], revision: str, limits: Limits) -> None:
        super().__init__(address, Handler)
        self.revision = revision
        self.limits = limits
        self.jobs = Jobs(limits)

    def server_bind(self) -> None:
        """Bind, without asking the DNS for this machine's name as http.server does; it may not answer."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "rapidrar", self.server_address[1]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = f"rapidrar/{__version__}"
    sys_version = ""
    # A client that says nothing for so long is gone.
    timeout = 15

    def do_GET(self) -> None:
        """Answer the page, its parts, and what tells how the service is."""
        path = urlsplit(self.path).path
        pages: dict[str, Callable[[], None]] = {
            "/": self._home,
            "/healthz": self._health,
            "/version": self._version,
        }
        if path in pages:
            pages[path]()
        elif path in _ASSETS:
            self._send(200, _ASSETS[path], (_PAGE / path[1:]).read_bytes())
        elif path.startswith("/archives/"):
            self._refuse(Refusal(405, "MethodNotAllowed", "send the archive as the body of a POST"))
        else:
            self._refuse(_not_found(path))

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def do_POST(self) -> None:
        """Do to the archive in the body what the path says."""
        try:
            deed = self._deed()
            length = self._length()
            with self.server.jobs.place(), tempfile.TemporaryFile() as upload:
                self._receive(upload, length)
                with self.server.jobs.read(upload, deed) as answer:
                    self._send_file(deed, answer)
        except Refusal as refusal:
            self._refuse(refusal)

    def handle_expect_100(self) -> bool:
        """Say no before the client sends what would be refused."""
        try:
            self._deed()
            self._length()
        except Refusal as refusal:
            self._refuse(refusal)
            return False
        return super().handle_expect_100()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server itself refuses in the same form as we do."""
        status = HTTPStatus(code)
        sentence = message or explain or status.description
        self._refuse(Refusal(code, status.phrase.title().replace(" ", ""), sentence))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
        """One line on standard output; the address is the ingress's, and of no use."""
        sys.stdout.write(f"{format % args}\n")

    def _deed(self) -> list[str]:
        """What is asked for, as the reader's arguments."""
        url = urlsplit(self.path)
        deed = url.path.removeprefix("/archives/")
        if not url.path.startswith("/archives/") or deed not in _DEEDS:
            raise _not_found(url.path)
        member = parse_qs(url.query).get("member")
        if deed != "extract" or not member:
            return [deed]
        if "\0" in member[0]:
            raise Refusal(400, "BadRequest", "a member's name has no null character")
        return ["member", member[0]]

    def _length(self) -> int:
        """The size of the body, which must be said beforehand and be within bounds."""
        text = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not text:
            raise Refusal(411, "LengthRequired", "send the archive with a Content-Length, not in chunks")
        if not (text.isascii() and text.isdigit()):
            raise Refusal(400, "BadRequest", "Content-Length is not a number")
        most = self.server.limits.upload_bytes
        if len(text) > len(str(most)) or int(text) > most:
            raise Refusal(413, "TooLarge", f"an archive may have {most} bytes; this one has {text[:20]}")
        return int(text)

    def _receive(self, upload: BinaryIO, length: int) -> None:
        deadline = time.monotonic() + self.server.limits.upload_s
        while length:
            try:
                block = self.rfile.read1(min(_BLOCK, length))
            except TimeoutError:
                block = b""
            if not block:
                raise Refusal(400, "Incomplete", f"the upload ended {length} bytes early")
            if time.monotonic() > deadline:
                raise Refusal(
                    408, "UploadTooSlow", f"the upload took longer than {self.server.limits.upload_s} s"
                )
            upload.write(block)
            length -= len(block)

    def _send_file(self, deed: list[str], answer: BinaryIO) -> None:
        size = answer.seek(0, 2)
        answer.seek(0)
        kinds = {
            "extract": ("application/zip", "archive.zip"),
            "member": ("application/octet-stream", deed[-1]),
        }
        kind, name = kinds.get(deed[0], (_JSON, ""))
        self._head(200, kind, size)
        if name:
            file = quote(name.rsplit("/", 1)[-1], safe="")
            self.send_header("Content-Disposition", f"attachment; filename*=UTF-8''{file}")
        self.end_headers()
        shutil.copyfileobj(answer, self.wfile)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer, and end the connection: what is left of the body must not be taken for a request."""
        body = json.dumps(refusal.as_json()).encode() + b"\n"
        self._head(refusal.status, _JSON, len(body))
        self.send_header("Connection", "close")
        if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "POST")
        if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.send_header("Retry-After", "5")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self._linger()

    def _linger(self) -> None:
        """Let the client finish sending, for a moment: a reset would take our answer from its hands."""
        deadline = time.monotonic() + 2
        try:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1)
            while time.monotonic() < deadline and self.rfile.read1(_BLOCK):
                pass
        except OSError:
            # The client went first.
            return

    def _health(self) -> None:
        self._send(200, _JSON, b'{"status":"ok"}\n')

    def _version(self) -> None:
        said = {"version": __version__, "sha": self.server.revision}
        self._send(200, _JSON, json.dumps(said).encode() + b"\n")

    def _home(self) -> None:
        page = (_PAGE / "index.html").read_text("utf-8")
        revision = self.server.revision
        values = {"version": __version__, "sha": revision, "short": revision[:12]}
        for name, value in values.items():
            page = page.replace(f"{{{{{name}}}}}", html.escape(value))
        self._send(200, "text/html; charset=utf-8", page.encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self._head(status, kind, len(body))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, kind: str, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", _CONTENT_SECURITY_POLICY)


def _not_found(path: str) -> Refusal:
    return Refusal(404, "NotFound", f"there is nothing at {path[:100]!r}; see / for what there is")
