"""Every error a caller may meet, in one tree.

::

    KubepreviewError              exit 1
    ├── Failed                    exit 1   it was tried, and it did not work
    ├── NotFound                  exit 1   what was asked for is not there (the server said so)
    ├── Conflict                  exit 1   somebody else changed it first; read again and retry
    ├── InvalidInput              exit 2   the user's file, flag or manifest; carries every problem
    ├── Refused                   exit 3   policy, approval or fencing said no; retrying changes nothing
    ├── NotReady                  exit 4   the deadline passed before the awaited state was seen
    └── Unreachable               exit 5   no answer, or one that says nothing; retrying may help

Law: imports nothing of this package. Foreign errors are turned into these at the door of the room
that talks to the foreign world, with the original chained as the cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with an input, and what mends it.

    `where` is a place a person can open: ``deploy/web.yaml:12`` or ``preview.yml: entry.port``.
    """

    where: str
    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.cure})" if self.cure else "")


class KubepreviewError(Exception):
    """The root. `message` says what was tried, on what, and why it failed; `hint` what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Failed(KubepreviewError):
    """It was tried, and it did not work."""


class NotFound(KubepreviewError):
    """The server answered that the thing is not there. Never raised for a missing answer."""


class Conflict(KubepreviewError):
    """Somebody else changed the object between our read and our write."""


class InvalidInput(KubepreviewError):
    """The user's file, flag or manifest is wrong; all problems are told at once."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, problems: Sequence[Problem] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class Refused(KubepreviewError):
    """Policy, approval or fencing said no. Trying again without a change gives the same answer."""

    exit_code: ClassVar[int] = 3


class NotReady(KubepreviewError):
    """The deadline passed; the message says what was awaited and what was seen last."""

    exit_code: ClassVar[int] = 4


class Unreachable(KubepreviewError):
    """No usable answer came: connection refused, time-out, 429, 5xx, or something that is not the API."""

    exit_code: ClassVar[int] = 5
