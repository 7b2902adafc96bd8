"""Take limits upon this process, then become another program.

Run as a script of its own, so that the parent runs no code between fork and exec:
``limited.py MEMORY_BYTES CPU_S OUTPUT_BYTES PROGRAM ARGUMENT …``. What is executed keeps the limits, and
so do its children.
"""

from __future__ import annotations

import os
import resource
import sys


def main(arguments: list[str]) -> None:
    """Set the limits and execute."""
    memory, cpu_s, output, *command = arguments
    # macOS counts its shared libraries as address space, and refuses any limit that would be of use.
    limits = [] if sys.platform == "darwin" else [(resource.RLIMIT_AS, int(memory))]
    for limit, most in (
        *limits,
        # A second guard beside the parent's clock: it holds when the parent is gone.
        (resource.RLIMIT_CPU, int(cpu_s)),
        (resource.RLIMIT_FSIZE, int(output)),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (soft, soft))
    os.execv(command[0], command)  # noqa: S606 - no shell; the caller names the program by its path


if __name__ == "__main__":
    main(sys.argv[1:])
