"""What a wait makes of each state of a Preview."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from kubepreview.cli.outcome import Asked, Ended, Waiting, closing, falling_asleep, opening, receipt_text
from kubepreview.core.model import Preview, Receipt, Revision
from kubepreview.errors import Failed, KubepreviewError, Refused
from tests.core.examples import NOW, OLD_SHA, SHA, UID, preview

ASKED = Asked(
    uid=UID,
    generation=1,
    revision=Revision(sha=SHA, observed_at=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
)
SINCE = "2026-01-02T03:00:00Z"
ALL_TRUE = {"Accepted": ("True", "Accepted", ""), "Applied": ("True", "Applied", "2 objects")}
ALL_TRUE |= {"Available": ("True", "Available", ""), "Served": ("True", "Served", "200")}
ALL_TRUE |= {"Ready": ("True", "Ready", "")}


def said(generation: int = 1, /, **conditions: tuple[str, str, str]) -> dict[str, Any]:
    """A status of one generation, all well but for the given conditions."""
    return {
        "observedGeneration": generation,
        "conditions": [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "observedGeneration": generation,
                "lastTransitionTime": SINCE,
            }
            for kind, (status, reason, message) in {**ALL_TRUE, **conditions}.items()
        ],
    }


def served(sha: str) -> dict[str, Any]:
    """The status' field for what is served."""
    return {"served": {"sha": sha, "since": SINCE}}


def ended(result: Waiting | Ended) -> KubepreviewError:
    """The error that a wait ended with."""
    assert isinstance(result, Ended)
    assert result.error is not None
    return result.error


def test_it_is_over_when_the_commit_is_served() -> None:
    """Ready, of this generation, with this SHA seen: the one success."""
    assert opening(preview(status=said() | served(SHA)), ASKED) == Ended(
        opening(preview(status=said() | served(SHA)), ASKED).steps, None
    )


@pytest.mark.parametrize("status", [said(), said() | served(OLD_SHA), said(0) | served(SHA), {}])
def test_ready_is_not_believed_of_another_commit_or_generation(status: dict[str, Any]) -> None:
    """Ready without this SHA, or of an earlier generation, or of nothing yet, is not success."""
    assert isinstance(opening(preview(status=status), ASKED), Waiting)


def test_a_preview_that_is_not_accepted_is_refused() -> None:
    """The project's decision ends the wait at once, with reason and message."""
    status = said(Accepted=("False", "ForksOff", "forks is Off"), Ready=("False", "ForksOff", ""))

    error = ended(opening(preview(status=status), ASKED))

    assert isinstance(error, Refused)
    assert "ForksOff" in error.message
    assert "forks is Off" in error.message


def test_what_the_apiserver_refused_is_told_object_by_object() -> None:
    """Each refused object has its line, and what is still served is named."""
    message = "Pod/a: spec.hostPath: forbidden\nService/b: spec.type: NodePort"
    status = said(Applied=("False", "Refused", message), Ready=("False", "Refused", "")) | served(OLD_SHA)

    error = ended(opening(preview(status=status), ASKED))

    assert isinstance(error, Refused)
    assert "\n  Pod/a: spec.hostPath: forbidden\n  Service/b: spec.type: NodePort\n" in error.message
    assert f"still served: {OLD_SHA}" in error.message


def test_a_crash_ends_it_with_the_last_words_and_what_is_still_served() -> None:
    """The pod's reason, its last lines, and the commit that visitors still see."""
    failure = {"object": "Pod/web-1", "reason": "CrashLoopBackOff", "message": "m", "logTail": ["one", "two"]}
    status = said(
        Available=("False", "CrashLoopBackOff", "Pod/web-1 container web: it ended with exit code 3"),
        Ready=("False", "CrashLoopBackOff", ""),
    )

    error = ended(opening(preview(status=status | served(OLD_SHA) | {"failure": failure}), ASKED))

    assert isinstance(error, Failed)
    assert error.exit_code == 1
    assert "CrashLoopBackOff" in error.message
    assert "its last lines:\n  | one\n  | two\n" in error.message
    assert f"still served: {OLD_SHA}" in error.message


def test_what_failed_is_marked_as_failed() -> None:
    """The step that will not come is told from one that is waited for."""
    status = said(Available=("False", "CrashLoopBackOff", "m"), Ready=("False", "CrashLoopBackOff", ""))

    result = opening(preview(status=status), ASKED)

    assert [step.state for step in result.steps] == ["done", "done", "failed", "pending"]


@pytest.mark.parametrize(
    "conditions",
    [
        {"Applied": ("False", "Waiting", "waiting for the namespace")},
        {"Available": ("False", "Progressing", "waiting for Deployment/web")},
        {"Served": ("False", "BadAnswer", "503")},
        {"Served": ("Unknown", "NotProbed", "")},
    ],
)
def test_what_can_still_come_is_waited_for(conditions: dict[str, tuple[str, str, str]]) -> None:
    """Progress, a bad answer and another revision are not the end."""
    ready = next(iter(conditions.values()))

    result = opening(preview(status=said(**conditions, Ready=("False", *ready[1:]))), ASKED)

    assert isinstance(result, Waiting)
    assert result.seen.startswith(ready[1])


def test_a_failure_of_an_earlier_revision_is_not_ours() -> None:
    """Until the controller has looked at this generation, its conditions say nothing."""
    status = said(1, Available=("False", "CrashLoopBackOff", ""), Ready=("False", "CrashLoopBackOff", ""))
    later = msgspec.structs.replace(preview(status=status), metadata=with_generation(2))

    result = opening(later, ASKED)

    assert isinstance(result, Waiting)
    assert result.seen == "CrashLoopBackOff (of an earlier revision)"


def with_generation(generation: int) -> Any:
    """The metadata of the examples' preview, of another generation."""
    return msgspec.structs.replace(preview().metadata, generation=generation)


def test_a_later_commit_takes_over() -> None:
    """Two `up` at once: the one whose commit lost says which one won."""
    revision = {"sha": OLD_SHA, "observedAt": "2026-02-02T00:00:00Z"}

    error = ended(opening(preview(revision=revision, status=said() | served(OLD_SHA)), ASKED))

    assert isinstance(error, Refused)
    assert f"superseded by {OLD_SHA}" in error.message


def test_a_close_meanwhile_ends_it() -> None:
    """Somebody closed the pull request while its preview was awaited."""
    error = ended(opening(preview(state="Closed"), ASKED))

    assert isinstance(error, Refused)
    assert "was closed at" in error.message


@pytest.mark.parametrize("judge", [opening, closing])
def test_another_object_of_the_name_is_not_ours(judge: Any) -> None:
    """Deleted and made anew: what is there is nothing that was asked for."""
    other = Asked(uid="other", generation=1, revision=ASKED.revision)

    error = ended(judge(preview(state="Closed" if judge is closing else "Open"), other))

    assert isinstance(error, Failed)
    assert "made anew" in error.message


def test_the_steps_tell_how_far_it_is() -> None:
    """What is done, what is waited for, and what comes after."""
    status = said(Available=("False", "Progressing", "1 of 2 pods"), Ready=("False", "Progressing", ""))

    result = opening(preview(status=status), ASKED)

    assert [step.state for step in result.steps] == ["done", "done", "running", "pending"]
    assert result.steps[2].detail == "1 of 2 pods"


def closed(reason: str, receipt: dict[str, Any] | None) -> Preview:
    """A closed preview whose Ready has this reason."""
    ready = {"Ready": ("False", reason, reason.lower())}
    return preview(state="Closed", status=said(**ready) | ({"receipt": receipt} if receipt else {}))


RECEIPT = {
    "namespace": "rapidrar-pr-7",
    "namespaceUid": "u",
    "closedAt": SINCE,
    "routeGoneAt": SINCE,
    "objects": [
        {"apiVersion": "v1", "kind": "Service", "name": "a"},
        {"apiVersion": "v1", "kind": "Service", "name": "b"},
    ],
}


def test_closing_is_over_when_everything_was_seen_gone() -> None:
    """Closed is said by the controller only after it has looked."""
    gone = RECEIPT | {"podsGoneAt": SINCE, "namespaceGoneAt": SINCE}

    result = closing(closed("Closed", gone), ASKED)

    assert isinstance(result, Ended)
    assert result.error is None
    assert [step.state for step in result.steps] == ["done", "done", "done"]


def test_a_blocked_namespace_is_waited_for_and_the_blocker_named() -> None:
    """Blocked is not the end: the blocker may be removed. Until then it is what is shown."""
    result = closing(closed("Blocked", RECEIPT | {"blockers": ["PVC/a: finalizer x"]}), ASKED)

    assert isinstance(result, Waiting)
    assert [(step.state, step.detail) for step in result.steps] == [
        ("done", ""),
        ("running", "PVC/a: finalizer x"),
        ("pending", ""),
    ]


def test_a_close_that_was_not_looked_at_yet_shows_what_is_to_come() -> None:
    """Nothing of the open preview's state is taken for the state of its end."""
    status = said(1) | {"namespace": "rapidrar-pr-7"}
    later = msgspec.structs.replace(preview(state="Closed", status=status), metadata=with_generation(2))

    result = closing(later, ASKED)

    assert isinstance(result, Waiting)
    assert [(step.name, step.state, step.detail) for step in result.steps] == [
        ("route gone", "running", "waiting for the controller"),
        ("pods gone", "pending", ""),
        ("namespace rapidrar-pr-7 gone", "pending", ""),
    ]


def test_a_preview_that_was_opened_again_is_not_closing() -> None:
    """A reopen while `down` waits is told, with the commit that is asked for now."""
    error = ended(closing(preview(), ASKED))

    assert isinstance(error, Refused)
    assert "was opened again" in error.message


def test_a_close_of_nothing_is_over_at_once() -> None:
    """A tombstone has no receipt."""
    result = closing(closed("Closed", None), ASKED)

    assert isinstance(result, Ended)
    assert result.error is None


def test_the_receipt_accounts_for_every_part() -> None:
    """What there was, when each part was seen gone, and what is still there."""
    receipt = Receipt(
        namespace="rapidrar-pr-7",
        namespace_uid="u",
        objects=closed("Blocked", RECEIPT).status.receipt.objects,  # type: ignore[union-attr]  # it has one
        closed_at=NOW,
        route_gone_at=NOW + dt.timedelta(seconds=1.5),
        blockers=("PVC/a: finalizer x",),
    )

    assert list(receipt_text(receipt)) == [
        "receipt of rapidrar-pr-7 (u)",
        "  objects    2 Service",
        "  closed     2026-01-02T03:04:05Z",
        "  route      gone 2026-01-02T03:04:06Z, after 1.5 s",
        "  pods       STILL THERE",
        "  namespace  STILL THERE",
        "  blocked by PVC/a: finalizer x",
    ]


def _asleep(reason: str) -> dict[str, Any]:
    words = ("False", reason, "it sleeps; `kubepreview wake 7` wakes it")
    return said(Available=words, Served=words, Ready=words)


def test_nothing_more_is_awaited_of_one_that_sleeps() -> None:
    """Its objects are as asked for: a push in its sleep has come through, and says how it is woken."""
    result = opening(preview(status=_asleep("Asleep")), ASKED)

    assert isinstance(result, Ended)
    assert result.error is None
    assert "`kubepreview wake 7` wakes it" in result.steps[2].detail


def test_one_that_falls_asleep_is_waited_for() -> None:
    """Its pods are ending, which is no failure; it sleeps when they are gone."""
    falling = preview(status=_asleep("FallingAsleep"))

    assert isinstance(opening(falling, ASKED), Waiting)
    assert isinstance(falling_asleep(falling, ASKED), Waiting)
    assert falling_asleep(preview(status=_asleep("Asleep")), ASKED) == Ended(
        falling_asleep(preview(status=_asleep("Asleep")), ASKED).steps, None
    )


def test_closing_ends_the_wait_for_sleep() -> None:
    """Somebody has closed it: it will not sleep any more, but go."""
    error = ended(falling_asleep(preview(state="Closed", status=_asleep("FallingAsleep")), ASKED))

    assert isinstance(error, Refused)


def test_a_visitor_ends_the_wait_for_sleep() -> None:
    """The wish was heeded, and somebody has come since: it is awake, and nobody waits for what is over."""
    lifetime = {"sleep": {"id": "wish-2", "asleep": True}}
    sleep = {"asleep": False, "since": "2026-01-02T03:04:05Z", "wish": "wish-2"}
    status = {**said(), "sleep": sleep}

    assert isinstance(ended(falling_asleep(preview(lifetime=lifetime, status=status), ASKED)), Refused)
    earlier = {**status, "sleep": {**sleep, "wish": "wish-1"}}
    assert isinstance(falling_asleep(preview(lifetime=lifetime, status=earlier), ASKED), Waiting)


def test_one_that_waits_for_a_slot_is_waited_for() -> None:
    """Before it has anything, and when it is to wake; its place is told meanwhile."""
    told = "place 1 of 1 in the queue"
    new = said(
        Applied=("False", "Queued", told),
        Available=("Unknown", "Queued", ""),
        Ready=("False", "Queued", told),
    )
    words = ("False", "Queued", f"it is to wake: {told}")

    for status in (new, said(Available=words, Served=words, Ready=words)):
        result = opening(preview(status=status), ASKED)
        assert isinstance(result, Waiting)
        assert told in " ".join(step.detail for step in result.steps)
