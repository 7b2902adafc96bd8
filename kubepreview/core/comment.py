"""What is said of a preview on its pull request, in GitHub's Markdown: the truth as it stands.

It has absolute times only, so that it changes when something has happened, and not because time goes by.
Whatever a pull request, a cluster or a log has said is shown as code: it is not read as Markdown, and
mentions nobody.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Final, Literal

from kubepreview.core import conditions, selection, taking
from kubepreview.core.model import Preview

State = Literal[
    "building",
    "deploying",
    "ready",
    "queued",
    "failing",
    "asleep",
    "refused",
    "skipped",
    "closing",
    "closed",
]

_MOST_LINES: Final = 20
_REASONS: Final[dict[str, State]] = {
    taking.BUILDING: "building",
    selection.PATHS_UNKNOWN: "deploying",
    "Queued": "queued",
    "Asleep": "asleep",
    "FallingAsleep": "asleep",
    "Closed": "closed",
    "Closing": "closing",
    "Blocked": "closing",
}


def state(preview: Preview) -> State:
    """What it is in one word, as far as the controller has looked."""
    ready = conditions.find(preview.status, conditions.READY)
    if ready is None or ready.observed_generation < preview.metadata.generation:
        return "closing" if preview.spec.state == "Closed" else "deploying"
    if ready.status == "True":
        return "ready"
    if ready.reason in _REASONS:
        return _REASONS[ready.reason]
    if ready.reason in selection.REASONS:
        return "skipped"
    accepted = conditions.find(preview.status, conditions.ACCEPTED)
    applied = conditions.find(preview.status, conditions.APPLIED)
    if (accepted and accepted.status == "False") or (applied and applied.reason == "Refused"):
        return "refused"
    return "failing" if preview.status.failure else "deploying"


def comment(preview: Preview) -> str:
    """The whole comment."""
    now = state(preview)
    title = f"### Preview of {code(preview.spec.revision.sha[:7])}: {now}"
    rows = [f"| {name} | {_cell(value)} |" for name, value in _rows(preview, now) if value]
    table = ["| | |", "| --- | --- |", *rows] if rows else []
    return "\n".join([title, "", *table, *_details(preview, now)]).rstrip() + "\n"


def _rows(preview: Preview, now: State) -> Iterator[tuple[str, str]]:
    spec, status = preview.spec, preview.status
    if now in ("ready", "asleep") and status.url:
        yield "Link", status.url
    ready = conditions.find(status, conditions.READY)
    if ready and ready.status != "True" and ready.observed_generation == preview.metadata.generation:
        yield "Why", code(ready.message or ready.reason)
    yield "Asked for", code(spec.revision.sha)
    yield "Next", _next(preview, now)
    if status.served and spec.state == "Open":
        yield "Served", f"{code(status.served.sha)} since {_moment(status.served.since)}"
    if spec.test and spec.test.sha == spec.revision.sha:
        ended = "passed" if spec.test.passed else "failed"
        yield "Test", f"{ended} at {_moment(spec.test.finished_at)}"
    yield "Ends", _end(preview)
    pull_request = conditions.find(status, conditions.PULL_REQUEST_OPEN)
    if pull_request and pull_request.message:
        yield "Pull request", code(pull_request.message)


def _next(preview: Preview, now: State) -> str:
    """What keeps a newer commit from being asked for; that it is not there yet is said of one being built."""
    artifact = conditions.find(preview.status, conditions.ARTIFACT_TAKEN)
    if artifact is None or artifact.status == "True" or preview.spec.state == "Closed":
        return ""
    return "" if now == "building" and artifact.reason == taking.MISSING else code(artifact.message)


def _end(preview: Preview) -> str:
    """To the day, as every use moves it; and all there is to say when it is near."""
    expiring = conditions.find(preview.status, conditions.EXPIRING)
    if expiring and expiring.status == "True":
        return code(expiring.message)
    at = preview.status.expires_at
    return f"{at.astimezone(dt.UTC):%F}, if nobody uses it until then" if at else ""


def _details(preview: Preview, now: State) -> Iterator[str]:
    failure, receipt = preview.status.failure, preview.status.receipt
    if now == "failing" and failure:
        yield ""
        yield f"{code(failure.object)}: {code(f'{failure.reason}: {failure.message}')}"
        if failure.log_tail:
            yield ""
            yield block("\n".join(failure.log_tail[-_MOST_LINES:]))
    yield from _compared(preview, now)
    if receipt and now in ("closing", "closed"):
        gone = {
            "its route": receipt.route_gone_at,
            "its pods": receipt.pods_gone_at,
            f"namespace {code(receipt.namespace)}": receipt.namespace_gone_at,
        }
        yield ""
        for what, at in gone.items():
            yield f"- {what}: " + (f"seen gone at {_moment(at)}" if at else "still there")
        yield from (f"- kept by {code(each)}" for each in receipt.blockers)


def _compared(preview: Preview, now: State) -> Iterator[str]:
    compared = preview.status.compared
    if now not in ("ready", "asleep") or compared is None or compared.sha != preview.spec.revision.sha:
        return
    yield ""
    if not compared.differences:
        yield f"Its workloads are those of {code(compared.namespace)}."
        return
    yield f"Differs from {code(compared.namespace)}, as of {_moment(compared.at)}:"
    yield ""
    yield from (f"- {code(each)}" for each in compared.differences)


def code(text: str) -> str:
    """The text on one line, as code: nothing in it is Markdown, or a mention."""
    line = " ".join(text.split())
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def _cell(value: str) -> str:
    """In a table a bar ends the cell, in code too."""
    return value.replace("|", "\\|")


def block(text: str) -> str:
    """The lines as a block of code, whatever stands in them."""
    fence = "`" * max(_longest_run(text) + 1, 3)
    return f"{fence}text\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _moment(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%F %T} UTC"
