"""What stands on the pull request is true, and whatever others have said stands there as they said it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kubepreview.core.comment import block, code, comment, state
from kubepreview.core.model import Preview

from .examples import OLD_SHA, SHA, preview

_AT = "2026-01-02T03:04:05Z"
_URL = "http://pr-7.rapidrar.example.com"
# As a page shows it: tables are GitHub's addition to CommonMark.
_PAGE = MarkdownIt("commonmark").enable("table")
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)
_HOSTILE = st.one_of(_TEXT, st.text("`|@<>!-_*[]() \\#ab", max_size=40))


def _of(generation: int = 1, spec: Any = None, **status: Any) -> Preview:
    """A preview whose status says this; conditions are given as (status, reason, message)."""
    said = [
        {
            "type": kind,
            "status": told[0],
            "reason": told[1],
            "message": told[2],
            "observedGeneration": 1,
            "lastTransitionTime": _AT,
        }
        for kind, told in status.pop("said", {}).items()
    ]
    found = preview(status={"conditions": said, "url": _URL, **status}, **(spec or {}))
    return Preview(
        metadata=type(found.metadata)(name="pr-7", namespace="rapidrar-previews", generation=generation),
        spec=found.spec,
        status=found.status,
    )


_READY = {"Ready": ("True", "Ready", "")}
_FAILING: dict[str, Any] = {
    "said": {"Ready": ("False", "CrashLoopBackOff", "it crashes")},
    "failure": {
        "object": "Deployment/web",
        "reason": "CrashLoopBackOff",
        "message": "it ended with exit code 7",
        "logTail": ["starting", "```", "@everyone cannot open /etc/web.toml"],
    },
}


@pytest.mark.parametrize(
    ("of", "word"),
    [
        (_of(), "deploying"),
        (_of(said={"Ready": ("False", "Waiting", "for a guard")}), "deploying"),
        (_of(said=_READY), "ready"),
        # A later commit is asked for, and nobody has looked at it yet.
        (_of(generation=2, said=_READY), "deploying"),
        (_of(said={"Ready": ("False", "Queued", "place 2 of 3")}), "queued"),
        (_of(said={"Ready": ("False", "Asleep", "")}), "asleep"),
        (
            _of(said={"Ready": ("False", "Building", ""), "Accepted": ("False", "Building", "")}),
            "building",
        ),
        (_of(said={"Ready": ("False", "ForksOff", ""), "Accepted": ("False", "ForksOff", "")}), "refused"),
        (_of(said={"Ready": ("False", "Refused", ""), "Applied": ("False", "Refused", "")}), "refused"),
        (_of(**_FAILING), "failing"),
        (_of(spec={"state": "Closed"}), "closing"),
        (_of(spec={"state": "Closed"}, said={"Ready": ("False", "Blocked", "a finalizer")}), "closing"),
        (_of(spec={"state": "Closed"}, said={"Ready": ("False", "Closed", "gone")}), "closed"),
    ],
)
def test_it_says_how_things_are(of: Preview, word: str) -> None:
    """In one word."""
    said = comment(of)

    assert state(of) == word
    assert said.splitlines()[0] == f"### Preview of `{SHA[:7]}`: {word}"


def test_ready_shows_the_link_what_is_served_and_the_test() -> None:
    """And nothing that changes by itself."""
    test = {"test": {"sha": SHA, "passed": True, "finishedAt": _AT}}
    said = comment(_of(spec=test, said=_READY, served={"sha": SHA, "since": _AT}))

    assert f"| Link | {_URL} |" in said
    assert f"| Served | `{SHA}` since 2026-01-02 03:04:05 UTC |" in said
    assert "| Test | passed at 2026-01-02 03:04:05 UTC |" in said


def test_a_link_to_what_is_not_this_commit_is_not_shown_as_ready() -> None:
    """While another is on its way, what is still served is said by its SHA."""
    said = comment(_of(generation=2, said=_READY, served={"sha": OLD_SHA, "since": _AT}))

    assert "Link" not in said
    assert f"| Served | `{OLD_SHA}` since" in said


def test_what_keeps_a_newer_commit_from_being_asked_for_is_told() -> None:
    """While the old one is served; of what is only being built, one word is enough."""
    refused, missing = (("False", reason, "r.example.com/x: why") for reason in ("Refused", "NotFound"))
    building = {"Ready": ("False", "Building", "waiting for r.example.com/x")}
    assert "| Next | `r.example.com/x: why` |" in comment(_of(said={**_READY, "ArtifactTaken": refused}))
    assert "| Next | `r.example.com/x: why` |" in comment(_of(said={**_READY, "ArtifactTaken": missing}))
    assert "| Next | `r.example.com/x: why` |" in comment(_of(said={**building, "ArtifactTaken": refused}))
    assert "| Next |" not in comment(_of(said={**building, "ArtifactTaken": missing}))
    assert "| Next |" not in comment(_of(said={**_READY, "ArtifactTaken": ("True", "Taken", "x")}))


def test_what_differs_from_the_stable_deployment_is_told_when_it_is_ready() -> None:
    """Of this commit only; and that nothing does is worth a line, too."""
    compared = {"sha": SHA, "at": _AT, "namespace": "rapidrar-staging"}
    told = {**compared, "differences": ["Deployment/web: image, variable MODE", "Deployment/new: only here"]}

    shown = comment(_of(said=_READY, compared=told))
    assert "Differs from `rapidrar-staging`, as of 2026-01-02 03:04:05 UTC:" in shown
    assert "- `Deployment/web: image, variable MODE`\n- `Deployment/new: only here`" in shown
    assert "Its workloads are those of `rapidrar-staging`." in comment(_of(said=_READY, compared=compared))
    assert "Differs" not in comment(_of(said=_READY, compared={**told, "sha": OLD_SHA}))
    assert "Differs" not in comment(_of(**_FAILING, compared=told))


def test_a_failure_shows_its_last_words_as_they_were() -> None:
    """They are neither Markdown nor a mention."""
    tokens = _PAGE.parse(comment(_of(**_FAILING)))

    (fence,) = [token for token in tokens if token.type == "fence"]
    assert fence.content == "starting\n```\n@everyone cannot open /etc/web.toml\n"


def test_a_closed_one_shows_its_receipt() -> None:
    """What was seen gone, and what is still there, and why."""
    receipt = {
        "namespace": "rapidrar-pr-7",
        "closedAt": _AT,
        "routeGoneAt": _AT,
        "podsGoneAt": _AT,
        "blockers": ["ConfigMap/a has finalizer example.com/keep"],
    }
    blocked = {"Ready": ("False", "Blocked", "it cannot go")}
    said = comment(_of(spec={"state": "Closed"}, said=blocked, receipt=receipt))

    assert "- its pods: seen gone at 2026-01-02 03:04:05 UTC" in said
    assert "- namespace `rapidrar-pr-7`: still there" in said
    assert "- kept by `ConfigMap/a has finalizer example.com/keep`" in said


def _inline(text: str) -> list[tuple[str, str]]:
    """What a page makes of it."""
    (token,) = [each for each in _PAGE.parse(text) if each.type == "inline"]
    return [(child.type, child.content) for child in token.children or ()]


@given(_HOSTILE)
def test_whatever_is_said_is_shown_as_it_is(text: str) -> None:
    """One piece of code, and nothing beside it."""
    line = " ".join(text.split())

    assert not line or _inline(f"x {code(text)} y") == [("text", "x "), ("code_inline", line), ("text", " y")]


@given(_HOSTILE)
def test_whatever_is_said_stays_in_its_cell(text: str) -> None:
    """Each row of the table has its two cells, and nothing in them is Markdown."""
    tokens = _PAGE.parse(comment(_of(said={"Ready": ("False", "Waiting", text)})))
    shown = [child for token in tokens for child in token.children or ()]
    rows = sum(token.type == "tr_open" for token in tokens)

    assert sum(token.type == "td_open" for token in tokens) == 2 * (rows - 1)
    assert {child.type for child in shown} <= {"text", "code_inline"}
    line = " ".join(text.split())
    assert not line or line in [child.content for child in shown]


@given(st.lists(_HOSTILE, max_size=5))
def test_whatever_a_log_says_stays_in_its_block(lines: list[str]) -> None:
    """The block ends where the log does."""
    text = "\n".join(lines)
    (token,) = _PAGE.parse(block(text))

    assert token.content.rstrip("\n") == text.rstrip("\n")
