"""How many visitors are connected, counted on real sockets of this machine and on the kernel's own words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kubepreview.gateway.connections import count

_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
# 10.42.0.9:8080 is listened on; 10.42.0.3, 10.42.0.4 (as IPv6 shows it) and fd00::2 are connected to it.
_LISTEN = (
    "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1 0 100 0 0 10 0\n"
)
_VISITOR = (
    "   1: 09002A0A:1F90 03002A0A:C350 01 00000000:00000000 00:00000000 00000000 0 0 2 1 0 20 4 30 10 -1\n"
)
_CALL = (
    "   2: 09002A0A:C351 05002A0A:1538 01 00000000:00000000 00:00000000 00000000 0 0 3 1 0 20 4 30 10 -1\n"
)
_LEFT = "   3: 09002A0A:1F90 03002A0A:C352 06 00000000:00000000 03:00000000 00000000 0 0 0 3 0\n"
_ITSELF = (
    "   4: 0100007F:1F90 0100007F:C353 01 00000000:00000000 00:00000000 00000000 0 0 4 1 0 20 4 30 10 -1\n"
)
_MAPPED = (
    "   5: 0000000000000000FFFF000009002A0A:1F90 0000000000000000FFFF000004002A0A:C354 01 "
    "00000000:00000000 00:00000000 00000000 0 0 5 1 0 20 4 30 10 -1\n"
)
_SIX = (
    "   6: 000000FD000000000000000001000000:1F90 000000FD000000000000000002000000:C355 01 "
    "00000000:00000000 00:00000000 00000000 0 0 6 1 0 20 4 30 10 -1\n"
)


@pytest.mark.parametrize(
    ("lines", "of_preview", "connected"),
    [
        ([_LISTEN], [], 0),
        ([_LISTEN, _VISITOR], [], 1),
        ([_LISTEN, _VISITOR], ["10.42.0.3"], 0),
        # To where nobody listens it is the preview that called; and one that has ended is none.
        ([_LISTEN, _CALL, _LEFT], [], 0),
        ([_LISTEN, _ITSELF], [], 0),
        ([_LISTEN, _MAPPED, _SIX], [], 2),
        ([_LISTEN, _MAPPED, _SIX], ["10.42.0.4", "fd00::2"], 0),
    ],
)
@pytest.mark.skipif(sys.byteorder != "little", reason="the tables above are of such a machine")
def test_who_is_a_visitor(lines: list[str], of_preview: list[str], connected: int) -> None:
    """Who is connected to a port that is listened on, and is neither of the preview nor the pod itself."""
    assert count([_HEAD + "".join(lines)], of_preview) == connected


_IN_A_NETWORK = """
import socket, sys, tempfile
from pathlib import Path
from kubepreview.gateway.connections import main
word = Path(tempfile.mkdtemp()) / "word"
server = socket.create_server(("10.9.9.1", 0))
visitor = socket.create_connection(server.getsockname(), source_address=("10.9.9.2", 0))
accepted, _ = server.accept()
print(main("0.1", last_word=word), word.read_text(), main("0.1", "10.9.9.2", last_word=word))
visitor.close(), accepted.close()
print(main("5", last_word=word))
"""


def test_real_sockets_are_counted_until_they_end() -> None:
    """In a network of its own: one visitor, who is named when the time is over; and then nobody."""
    script = "ip link set lo up && ip address add 10.9.9.1/24 dev lo && ip address add 10.9.9.2/24 dev lo"
    script += ' && exec "$0" -c "$1"'
    done = subprocess.run(  # noqa: S603 — the test's own words
        ["/usr/bin/unshare", "--net", "/bin/sh", "-c", script, sys.executable, _IN_A_NETWORK],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["1 1 0", "0"]
