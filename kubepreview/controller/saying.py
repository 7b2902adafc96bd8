"""One thing that is said on GitHub about one preview: what stands there, what should, and how it went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

import msgspec

from kubepreview.core import feedback
from kubepreview.core.feedback import Draft, Written
from kubepreview.core.model import Posted
from kubepreview.errors import KubepreviewError, Unreachable
from kubepreview.kube.retry import Backoff

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 600.0
# What was made may be missing from a list for a while.
_LISTS_LAG_S: Final = 60.0


@dataclass
class Saying:
    """`posted` is what stands there. `unsure_until`: an answer was lost, and lists may lag so long behind it.

    All times are this process's clock.
    """

    posted: Posted
    draft: Draft
    written: Written | None = None
    not_before: float = 0.0
    unsure_until: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S))

    @classmethod
    def begun(cls, posted: Posted, draft: Draft, now: float) -> Self:
        """As another process has left it: what it said in the main counts as just said."""
        written = Written(gist=posted.gist, at=now, since=now) if posted.digest else None
        return cls(posted, draft, written)

    @property
    def last_at(self) -> float:
        """When something was written last; for one that never was, before all others."""
        return self.written.at if self.written else 0.0

    def is_due(self, now: float) -> bool:
        """Whether something else is to be said than what stands there, and now."""
        if self.draft.digest == self.posted.digest or now < self.not_before:
            return False
        if not self.posted.id and self.draft.state in ("closing", "closed"):
            return False  # where nothing was said in its life, nobody waits for word of its end
        return feedback.wait_s(self.draft, self.written, now) <= 0

    def wrote(self, known: int, now: float) -> None:
        """It stands there."""
        is_same = self.written is not None and self.written.gist == self.draft.gist
        since = self.written.since if self.written and is_same else now
        self.written = Written(gist=self.draft.gist, at=now, since=since)
        self.posted = Posted(id=known, sha=self.draft.sha, digest=self.draft.digest, gist=self.draft.gist)
        self.backoff.reset()

    def failed(self, error: KubepreviewError, now: float) -> float:
        """It is not known what stands there, or nothing may; the pause before the next try."""
        pause_s = self.backoff.next_s()
        if now < self.unsure_until:
            # By then it is known what stands there, whatever has gone wrong before.
            pause_s = min(pause_s, self.unsure_until - now)
        elif isinstance(error, Unreachable):
            self.unsure_until = now + _LISTS_LAG_S
        self.not_before = now + pause_s
        self.posted = msgspec.structs.replace(self.posted, digest="", problem=str(error)[:1024])
        return pause_s
