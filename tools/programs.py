"""Compile the local cluster's programs before they are needed, so that no test waits for them.

The progress is that of `kubepreview cluster up`: a bar on a terminal, a few lines in a log.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import closing

from kubepreview.cli import places
from kubepreview.cli.building import Teller
from kubepreview.cli.streams import Streams
from kubepreview.errors import KubepreviewError
from kubepreview.localcluster import programs


def main() -> int:
    """Compile what the cache has not."""
    environ = dict(os.environ)  # noqa: TID251 - an entry point
    streams = Streams.of(sys.stdout, sys.stderr, environ)
    try:
        with closing(Teller(streams)) as teller:
            asyncio.run(programs.ensure(places.cache(environ), teller))
    except KubepreviewError as error:
        streams.talk(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
