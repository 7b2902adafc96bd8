"""Runs the reader on one upload, in a process of its own, a few at a time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rapidrar.limits import Limits
from rapidrar.refusal import Refusal
from rapidrar.worker import REFUSED, TOO_BIG

# Nothing of the server's environment is the reader's business. Names are decoded by the locale.
_ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parents[1]), "LC_ALL": "C.UTF-8"}


class Jobs:
    """The places at which archives are read."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places = threading.BoundedSemaphore(limits.jobs)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one place, from before the upload is received until the answer is sent: both use the disk."""
        if not self._places.acquire(timeout=self._limits.turn_s):
            raise Refusal(503, "Busy", "all readers are busy; try again in a few seconds")
        try:
            yield
        finally:
            self._places.release()

    def read(self, upload: BinaryIO, deed: Sequence[str]) -> BinaryIO:
        """Let the reader do `deed` to the upload; the answer, as a file to be closed by the caller."""
        answer = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        upload.seek(0)
        try:
            result = subprocess.run(  # noqa: S603 - our own module; an upload's name is one argument, no shell
                [sys.executable, "-S", "-m", "rapidrar.worker", *deed],
                stdin=upload,
                stdout=answer,
                stderr=subprocess.PIPE,
                env=_ENVIRONMENT,
                timeout=self._limits.reader_s,
                check=False,
            )
            _raise_refusal(result)
        except subprocess.TimeoutExpired as error:
            answer.close()
            raise Refusal(
                422, "TooSlow", f"the archive took longer than {self._limits.reader_s} s"
            ) from error
        except Refusal:
            answer.close()
            raise
        answer.seek(0)
        return answer


def _raise_refusal(result: subprocess.CompletedProcess[bytes]) -> None:
    if result.returncode == 0:
        return
    if result.returncode == REFUSED:
        said = json.loads(result.stderr)
        raise Refusal(said["status"], said["error"], said["message"])
    # What is left is for the operator to read.
    sys.stderr.write(f"reader: exit code {result.returncode}\n{result.stderr.decode(errors='replace')}")
    if result.returncode == TOO_BIG or result.returncode < 0:
        # A crash, or more memory or CPU time than allowed: the archive made it happen.
        raise Refusal(422, "Damaged", "the archive made its reader fail, or need more than it may use")
    raise Refusal(500, "Internal", "the service failed on this archive; this is a fault of ours")
