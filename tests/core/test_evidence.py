"""What is kept of a preview, and what is left out where there is too much."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepreview.core import evidence, masking
from kubepreview.core.evidence import MOST_BYTES, Container, Evidence, Seen, packed, unpacked
from kubepreview.core.wire import Object

from .examples import NOW, SHA, deployment, preview, project, service

_SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "hunter22"}}


def _event(note: str, at: str) -> Object:
    regarding = {"kind": "Pod", "name": "web-1"}
    return {"type": "Warning", "reason": "BackOff", "note": note, "regarding": regarding, "eventTime": at}


def _found(*logs: Container, **seen: Any) -> Evidence:
    return evidence.evidence(
        preview(deployment(), service(), _SECRET), "Failed", Seen(logs=logs, **seen), NOW
    )


def test_what_was_seen_comes_back() -> None:
    """From the object that holds it, in order, and without the secret that a log printed."""
    log = Container(pod="web-1", container="web", which="previous", lines=("password hunter22", "bye"))
    found = _found(
        log, events=(_event("second", "2026-01-02T03:00:02Z"), _event("first", "2026-01-02T03:00:01Z"))
    )

    obj = evidence.kept_object(preview(), found, NOW)
    back = unpacked(obj)

    assert obj["metadata"]["name"] == "evidence-pr-7-failed"
    assert (back.reason, back.sha, back.number, back.taken_at) == ("Failed", SHA, 7, NOW)
    assert [line.split()[-1] for line in back.events] == ["first", "second"]
    assert back.logs == (
        Container(pod="web-1", container="web", which="previous", lines=("password [masked]", "bye")),
    )
    assert [each["kind"] for each in back.manifests] == ["Deployment", "Service", "Secret"]
    assert packed(found) == packed(found)


def test_a_key_of_several_lines_is_kept_out_of_a_log() -> None:
    """Whole, or with its beginning or its end cut off."""
    begin, end = (f"-----{word} RSA PRIVATE KEY-----" for word in ("BEGIN", "END"))
    for lines in (("a", begin, "QUJD", end, "b"), ("a", begin, "QUJD"), ("QUJD", end, "b")):
        (log,) = _found(Container(pod="web-1", container="web", which="current", lines=lines)).logs
        assert "QUJD" not in "".join(log.lines)
        assert {*log.lines} - {masking.MASK} == {*lines} & {"a", "b"}


@settings(max_examples=10)
@given(seed=st.integers(0, 1 << 32), containers=st.integers(1, 6), manifests=st.integers(0, 3))
def test_whatever_there_is_fits(seed: int, containers: int, manifests: int) -> None:
    """The newest line of each log is the last to go, and what was left out is said."""
    chance = random.Random(seed)  # noqa: S311 — repeatable, not secret
    noise = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(4000))
    lines = (*(noise[chance.randrange(3900) :] for _ in range(120)), "the last word")
    found = Evidence(
        reason="Closed",
        number=7,
        sha=SHA,
        taken_at=NOW,
        manifests=({"data": noise},) * manifests,
        logs=tuple(
            Container(pod=f"web-{index}", container="web", lines=lines) for index in range(containers)
        ),
    )

    data = packed(found)

    assert len(data) <= MOST_BYTES
    back = unpacked({"binaryData": evidence.kept_object(preview(), found, NOW)["binaryData"]})
    assert all(log.lines[-1] == "the last word" for log in back.logs)
    assert len(back.logs) == containers


@pytest.mark.parametrize(
    ("told", "expired"),
    [("2026-01-02T03:04:04+00:00", True), ("2026-01-02T03:04:06+00:00", False), ("", False), ("soon", False)],
)
def test_it_is_kept_for_its_time(told: str, *, expired: bool) -> None:
    """One that does not say until when is nobody's to delete."""
    obj = {"metadata": {"annotations": {"kubepreview.dev/expires-at": told}}}

    assert evidence.is_expired(obj, NOW) is expired
    assert evidence.expires_at(project(evidenceFor="2d").spec, NOW) == NOW + dt.timedelta(days=2)


@pytest.mark.parametrize("data", ["", "AAAA", None])
def test_what_is_no_evidence_is_an_error(data: str | None) -> None:
    """And never an empty one."""
    with pytest.raises(ValueError, match="no evidence"):
        unpacked({"binaryData": {"evidence.json.gz": data} if data is not None else None})
