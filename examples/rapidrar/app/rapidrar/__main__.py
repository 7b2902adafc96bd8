"""Serves until it is told to stop: ``python -m rapidrar``."""

from __future__ import annotations

import os
import signal
import sys
import threading

from rapidrar.limits import Limits
from rapidrar.server import Server


def main() -> None:
    """Serve on PORT (8080); REVISION is the commit that this is."""
    environment = os.environ  # noqa: TID251 - the entry point
    server = Server(
        ("", int(environment.get("PORT", "8080"))), environment.get("REVISION", "unknown"), Limits()
    )
    # Blocked and waited for, in every thread: process 1 of a container ignores them by default, and a
    # handler could come while a lock is held.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    sys.stdout.write(f"rapidrar {server.revision} listens on port {server.server_port}\n")
    signal.sigwait(ends)
    # Requests are short, and clients retry: no grace beyond what is being written.
    server.shutdown()


if __name__ == "__main__":
    main()
