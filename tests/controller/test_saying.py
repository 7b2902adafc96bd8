"""When something is tried again that could not be said."""

from __future__ import annotations

from kubepreview.controller.saying import Saying
from kubepreview.core.feedback import Draft
from kubepreview.core.model import Posted
from kubepreview.errors import Refused, Unreachable

_DRAFT = Draft(state="ready", sha="a" * 40, gist="a", body={"body": "hello"})
_LOST = Unreachable("GitHub gives no answer")


def test_after_a_lost_answer_it_is_tried_until_it_is_known_what_stands_there() -> None:
    """However often it went wrong before: nothing waits beyond that moment."""
    saying = Saying(Posted(), _DRAFT)
    for _ in range(8):
        saying.backoff.next_s()
    saying.failed(_LOST, now=0.0)
    known_at = saying.unsure_until
    saying.failed(_LOST, now=known_at - 1)

    assert saying.unsure_until == known_at
    assert saying.not_before == known_at
    assert saying.is_due(known_at)


def test_a_refusal_says_that_nothing_was_written() -> None:
    """Nothing can have been doubled, so that nothing is unsure; and it is not tried again at once."""
    saying = Saying(Posted(), _DRAFT)
    pause_s = saying.failed(Refused("no permission"), now=5.0)

    assert saying.unsure_until == 0.0
    assert saying.not_before == 5.0 + pause_s > 5.0
    assert saying.posted.problem == "no permission"
