"""`python3 -m kubepreview.gateway.connections SECONDS ADDRESS…`: wait until no visitor is connected.

Runs beside a preview's own container, in its network (`core.lookout`). Counts the established connections to
a port that is listened on, from anywhere but the ADDRESSes and the pod itself. Ends with 0 when there are
none, and with 1 and their number after so many SECONDS. It reads two files, and has no rights.
"""

from __future__ import annotations

import ipaddress
import signal
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

_TABLES: Final = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
# Where Kubernetes looks for a container's last word (terminationMessagePath).
_LAST_WORD: Final = Path("/dev/termination-log")
_PAUSE_S: Final = 0.25
# States of a socket, as in the kernel's include/net/tcp_states.h.
_ESTABLISHED, _LISTEN = "01", "0A"


class _Socket(NamedTuple):
    state: str
    local_port: int
    remote: str


def count(tables: Sequence[str], of_preview: Collection[str]) -> int:
    """How many visitors are connected, by the kernel's tables of sockets (proc_pid_net(5))."""
    sockets = [each for table in tables for each in _sockets(table)]
    listened = {each.local_port for each in sockets if each.state == _LISTEN}
    return sum(
        each.state == _ESTABLISHED
        and each.local_port in listened
        and each.remote not in of_preview
        and not ipaddress.ip_address(each.remote).is_loopback
        for each in sockets
    )


def _sockets(table: str) -> Iterator[_Socket]:
    for line in table.splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        yield _Socket(state, int(local.rpartition(":")[2], 16), _address(remote.rpartition(":")[0]))


def _address(written: str) -> str:
    """Each 32 bits are written as one number of this machine, whose first byte is its lowest."""
    words = [bytes.fromhex(written[start : start + 8]) for start in range(0, len(written), 8)]
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def main(seconds: str, *of_preview: str, last_word: Path = _LAST_WORD) -> int:
    """The exit code; the number of visitors becomes the container's last word."""
    # The first process of a container ignores what it does not ask for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    until = time.monotonic() + float(seconds)
    known = set(of_preview)
    while connected := count([table.read_text() for table in _TABLES if table.exists()], known):
        if time.monotonic() > until:
            last_word.write_text(str(connected))
            return 1
        time.sleep(_PAUSE_S)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
