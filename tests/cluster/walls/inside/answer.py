"""Answers whoever asks, by TCP as HTTP and by UDP; ends late when it is told to end.

``answer.py SHA ADDRESS:PORT …``: it says ``ready`` when it listens everywhere.
"""

from __future__ import annotations

import json
import signal
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Whoever probes from here sees by it that the end has begun.
ENDING = Path("/tmp/ending")  # noqa: S108 — of a container that nobody shares


class Page(BaseHTTPRequestHandler):
    """The same answer to everything."""

    def do_GET(self) -> None:
        """Say which commit this is."""
        body = json.dumps({"sha": sys.argv[1]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the name of its base
        """Say nothing: a readiness probe each second would fill the log."""


class Datagram(socketserver.BaseRequestHandler):
    """Whatever comes goes back."""

    def handle(self) -> None:
        """Answer one datagram."""
        data, back = self.request
        back.sendto(data, self.client_address)


def main() -> None:
    """Listen, and stay until killed."""
    signal.signal(signal.SIGTERM, lambda *_: ENDING.touch())
    for place in sys.argv[2:]:
        address, _, port = place.rpartition(":")
        for server in (ThreadingHTTPServer, socketserver.ThreadingUDPServer):
            handler = Page if server is ThreadingHTTPServer else Datagram
            listening = server((address, int(port)), handler)
            threading.Thread(target=listening.serve_forever, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
