"""What is said is true, or Unknown."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from kubepreview.core import keys, kinds, status
from kubepreview.core.acceptance import Rejected
from kubepreview.core.health import Health
from kubepreview.core.lifecycle import lifespan
from kubepreview.core.model import ObjectRef, PreviewStatus, Sleep
from kubepreview.core.observed import Answer, Observed
from kubepreview.core.pods import Trouble
from kubepreview.core.wire import Object

from .examples import NOW, OLD_SHA, SHA, UID, asked, config_map, preview, project

_LATER = NOW + dt.timedelta(minutes=5)
_SETTLED = Health(ready=1, wanted=1, is_settled=True)
_STARTING = Health(ready=0, wanted=1, is_settled=False, waiting_for="Deployment/web: 0 of 1 pods available")
_NEW = Answer(code=200, shas=frozenset({SHA}))
_OLD = Answer(code=200, shas=frozenset({OLD_SHA}), detail="200 OK")
_LIFE = lifespan(preview(), project().spec, None, NOW)
_AWAKE = Sleep(asleep=False, since=NOW)
_SERVED_OLD: Object = {"served": {"sha": OLD_SHA, "since": "2026-01-01T00:00:00Z"}}


def _conditions(of: PreviewStatus) -> dict[str, tuple[str, str]]:
    return {each.type: (each.status, each.reason) for each in of.conditions}


def _open(before: Object | None = None, **visit: Any) -> PreviewStatus:
    found = status.Visit(
        **{
            "lifespan": _LIFE,
            "sleep": _AWAKE,
            "wanted": asked(),
            "observed": Observed(),
            "health": _SETTLED,
            "answer": _NEW,
            **visit,
        }
    )
    return status.status_of_open(preview(status=before), found, NOW)


def test_ready_means_that_this_commit_was_seen() -> None:
    """The four conditions and Ready are True once the address answered with the SHA."""
    said = _open()

    assert {
        truth for kind, (truth, _) in _conditions(said).items() if kind not in ("Asleep", "Expiring")
    } == {"True"}
    assert said.served is not None
    assert said.served.sha == SHA


@pytest.mark.parametrize(
    ("visit", "reason"),
    [
        ({"refusals": ("Service/web: no",)}, "Refused"),
        ({"waiting_for": "ResourceQuota"}, "Waiting"),
        ({"health": _STARTING}, "Progressing"),
        (
            {
                "health": Health(
                    ready=0,
                    wanted=1,
                    is_settled=False,
                    trouble=Trouble(object="Pod/x", reason="CrashLoopBackOff", message="it ended"),
                )
            },
            "CrashLoopBackOff",
        ),
        ({"answer": None}, "NotProbed"),
        ({"answer": Answer(code=503)}, "BadAnswer"),
        ({"answer": Answer(code=0, detail="no answer")}, "BadAnswer"),
        ({"answer": _OLD}, "OtherRevision"),
        ({"answer": Answer(code=200)}, "OtherRevision"),
    ],
)
def test_ready_tells_the_first_thing_that_is_not_so(visit: dict[str, Any], reason: str) -> None:
    """One line says why it is not ready yet."""
    said = _conditions(_open(**visit))

    assert said["Ready"] == ("False", reason)


def test_an_old_answer_is_never_reported_as_the_new_commit() -> None:
    """While the old revision answers, it is what is served, since when it was first seen."""
    said = _open(before=_SERVED_OLD, health=_STARTING, answer=_OLD)

    assert said.served is not None
    assert (said.served.sha, said.served.since.day) == (OLD_SHA, 1)
    assert "bbbbbbb is still served" in next(c.message for c in said.conditions if c.type == "Served")


def test_without_a_path_that_tells_unsettled_pods_serve_nobody_knows_what() -> None:
    """No revision is claimed while pods of two revisions may answer."""
    plain = asked(by=project(revisionPath=""))
    unsettled = _open(before=_SERVED_OLD, wanted=plain, health=_STARTING, answer=Answer(code=200))
    settled = _open(before=_SERVED_OLD, wanted=plain, answer=Answer(code=200))

    assert unsettled.served is None
    assert settled.served is not None
    assert settled.served.sha == SHA


def test_a_condition_keeps_its_time_until_its_truth_changes() -> None:
    """A new message does not make an old state look new."""
    first = _open(health=_STARTING)
    again = status.status_of_open(
        preview(status={"conditions": [_wire(each) for each in first.conditions]}),
        status.Visit(
            lifespan=_LIFE,
            sleep=_AWAKE,
            wanted=asked(),
            observed=Observed(),
            health=_SETTLED,
            answer=Answer(code=503),
        ),
        _LATER,
    )
    since = {each.type: each.last_transition_time for each in again.conditions}

    assert (since["Ready"], since["Available"]) == (NOW, _LATER)


def _wire(condition: Any) -> Object:
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "lastTransitionTime": condition.last_transition_time.isoformat(),
    }


def test_a_rejected_preview_says_why_and_forgets_nothing() -> None:
    """What an earlier revision left stays on record, so that closing finds it and its author knows of it."""
    served = {"sha": "a" * 40, "since": NOW.isoformat()}
    left: Object = {"inventory": [{"apiVersion": "v1", "kind": "Service", "name": "web"}], "served": served}
    said = status.status_of_rejected(preview(status=left), Rejected("ForksOff", "no forks"), NOW)

    assert _conditions(said)["Ready"] == ("False", "ForksOff")
    assert said.inventory == (ObjectRef(api_version="v1", kind="Service", name="web"),)
    assert said.served is not None
    assert said.served.sha == "a" * 40


def test_an_extension_is_remembered_where_nothing_is_known_of_its_life() -> None:
    """Without its project, and while it is closed: the wish in its spec is not granted a second time."""
    left: Object = {
        "activity": {"at": NOW.isoformat(), "kind": "Extension"},
        "extension": {"id": "w-1", "until": _LATER.isoformat()},
    }
    homeless = status.status_of_rejected(preview(status=left), Rejected("ProjectNotFound", "none"), NOW)
    closed = status.status_of_closed(preview(status=left, state="Closed"), Observed(), NOW)

    assert homeless.activity is not None
    assert homeless.activity.kind == "Extension"
    assert closed.activity is None
    for said in (homeless, closed):
        assert said.extension is not None
        assert said.extension.id == "w-1"


def _namespace(**metadata: Any) -> Object:
    ours = {"labels": {keys.MANAGED: "true"}, "annotations": {keys.PREVIEW_UID: UID}}
    return {"metadata": {"name": "rapidrar-pr-7", "uid": "n", **ours, **metadata}}


def test_a_receipt_dates_each_part_when_it_was_seen_gone() -> None:
    """Route, pods and namespace get their times one after the other, and keep them."""
    service = {"apiVersion": "v1", "kind": "Service", "name": "web"}
    before = preview(status={"namespace": "rapidrar-pr-7", "inventory": [service]}, state="Closed")
    pods_left = Observed(namespace=_namespace(), pods=({"metadata": {"name": "p"}},))
    route_gone = status.status_of_closed(before, pods_left, NOW)
    after = preview(status=_as_wire(route_gone), state="Closed")
    all_gone = status.status_of_closed(after, Observed(), _LATER)

    receipt = all_gone.receipt
    assert receipt is not None
    assert (receipt.closed_at, receipt.route_gone_at) == (NOW, NOW)
    assert (receipt.pods_gone_at, receipt.namespace_gone_at) == (_LATER, _LATER)
    assert _conditions(all_gone)["Ready"] == ("False", "Closed")
    assert [ref.name for ref in receipt.objects] == ["web"]


def _as_wire(of: PreviewStatus) -> Object:
    built: Object = msgspec.to_builtins(of)
    return built


def test_what_blocks_a_closing_preview_is_told_by_name() -> None:
    """A namespace that will not go makes Ready say Blocked, and the receipt names object and finalizer."""
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/hold", "kubernetes.io/pvc-protection"]
    before = preview(status={"namespace": "rapidrar-pr-7"}, state="Closed")
    closing = status.status_of_closed(
        before, Observed(namespace=_namespace(), objects={kinds.ref_of(held): held}), NOW
    )
    words = "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
    going = _namespace(deletionTimestamp="2026-01-02T03:04:05Z")
    going["status"] = {
        "conditions": [{"type": "NamespaceFinalizersRemaining", "status": "True", "message": words}]
    }
    after = preview(status=_as_wire(closing), state="Closed")
    early = status.status_of_closed(after, Observed(namespace=going), NOW)
    late = status.status_of_closed(after, Observed(namespace=going), _LATER)

    assert _conditions(early)["Ready"] == ("False", "Closing")
    assert _conditions(late)["Ready"] == ("False", "Blocked")
    assert late.receipt is not None
    assert late.receipt.blockers == (
        "ConfigMap/held is held by its finalizer example.com/hold; remove it, or run what removes it",
        words,
    )


def test_a_preview_that_was_closed_before_it_was_built_has_no_receipt() -> None:
    """A tombstone says that there was nothing, rather than that something is gone."""
    said = status.status_of_closed(preview(state="Closed"), Observed(), NOW)

    assert said.receipt is None
    assert _conditions(said)["Ready"] == ("False", "Closed")
