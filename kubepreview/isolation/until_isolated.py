"""Wait until the network policies hold this pod: until it cannot connect to the apiserver any more.

Run as a script by the first init container (`core.isolation`). Some network plugins let a pod connect for a
moment until they know it. Exit code 0: it is held. 1: it was not, for as long as it may take.
"""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Callable, Mapping

# What comes of a policy: it rejects, or drops. A pod whose sysctls leave it no port to connect from, say, is
# not held: its other containers may choose a port themselves.
_HELD = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM)
# Held is who fails as often in a row; a connection that opens takes a few milliseconds.
_IN_A_ROW = 2
_PATIENCE_S = 0.2
_PAUSE_S = 0.02
_LONGEST_S = 60.0


def is_open(address: tuple[str, int]) -> bool:
    """Whether a connection opens, or fails for a reason of this pod's own, by which nobody is held."""
    try:
        socket.create_connection(address, _PATIENCE_S).close()
    except TimeoutError:
        return False
    except OSError as error:
        return error.errno not in _HELD
    return True


def wait(connects: Callable[[], bool], longest_s: float) -> bool:
    """Try until it fails some times in a row; whether it did."""
    end, failures = time.monotonic() + longest_s, 0
    while failures < _IN_A_ROW:
        failures = 0 if connects() else failures + 1
        if failures == 0:
            if time.monotonic() > end:
                return False
            time.sleep(_PAUSE_S)
    return True


def main(environ: Mapping[str, str], longest_s: float = _LONGEST_S) -> int:
    """Wait; say why, if it was in vain."""
    address = (environ["KUBERNETES_SERVICE_HOST"], int(environ["KUBERNETES_SERVICE_PORT"]))
    if wait(lambda: is_open(address), longest_s):
        return 0
    sys.stderr.write(
        f"the network policies do not hold this pod: it connected to {address[0]}:{address[1]} for "
        f"{longest_s:g} s; see `kubepreview doctor`\n"
    )
    return 1


if __name__ == "__main__":
    import os

    sys.exit(main(os.environ))  # noqa: TID251 — an entry point
