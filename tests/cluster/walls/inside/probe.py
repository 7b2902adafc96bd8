"""Tries to connect to each of some places, for some time, and says each time which of them answered.

``probe.py SECONDS PATIENCE_S '{"name": ["tcp", "address", port], …}'``: a line of JSON for each round.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_ENDING = Path("/tmp/ending")  # noqa: S108 — of a container that nobody shares


def answers(patience_s: float, protocol: str, address: str, port: int) -> bool:
    """Whether a connection opens, or a datagram comes back."""
    try:
        if protocol == "tcp":
            socket.create_connection((address, port), patience_s).close()
            return True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(patience_s)
            asking.connect((address, port))
            asking.send(b"anybody there?")
            return bool(asking.recv(64))
    except OSError:
        return False


def main() -> None:
    """Try all of them at once, again and again."""
    until, patience_s = time.monotonic() + float(sys.argv[1]), float(sys.argv[2])
    places = json.loads(sys.argv[3])
    with ThreadPoolExecutor(max_workers=len(places)) as pool:
        while True:
            is_ending = _ENDING.exists()
            tried = {name: pool.submit(answers, patience_s, *place) for name, place in places.items()}
            answered = [name for name, each in tried.items() if each.result()]
            sys.stdout.write(json.dumps({"ending": is_ending, "answered": answered}) + "\n")
            sys.stdout.flush()
            if time.monotonic() > until:
                return


if __name__ == "__main__":
    main()
