"""An application that shows what reached it, for tests of the way there."""

from __future__ import annotations


def command(commit: str) -> list[str]:
    """It says which commit it is, hashes what it is sent, and echoes whoever wants another protocol."""
    app = f"""
import hashlib, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.headers.get("Upgrade") == "echo":
            self.send_response(101)
            self.send_header("Upgrade", "echo")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            while line := self.rfile.readline():
                self.wfile.write(line.upper())
            self.close_connection = True
            return
        self.answer(json.dumps({{"sha": "{commit}"}}))
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(self.path + " " + hashlib.sha256(body).hexdigest() + " " + self.headers.get("X-Mine", ""))
ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
    return ["python3", "-u", "-c", app]
