"""Two rules for all tests: each runs, and none leaves anything running.

A test that cannot run fails, with its reason: nobody reads a list of what was skipped. This is a plugin of
pytest, so that tests/house can try it on tests that break the rules.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

# What was told to end may need a moment to be gone.
_GRACE_S = 1.0
_POLL_S = 0.02

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip, and an expected failure, into a failure."""
    return _must_run((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a module that skips itself into a failure."""
    return _must_run((yield))


def _must_run(report: _Report) -> _Report:
    if report.outcome == "skipped":
        told = report.longrepr
        reason = getattr(report, "wasxfail", "") or (told[2] if isinstance(told, tuple) else str(told))
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} did not run, and every test must: {reason}"
    return report


@pytest.fixture(autouse=True)
def _nothing_is_left_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a child process or an asyncio task. What a wider fixture started may stay."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("_no_task_is_left")
    before = _children()
    yield
    deadline = time.monotonic() + _GRACE_S
    while (left := _children() - before) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    assert not left, f"left running: {', '.join(map(_name, sorted(left)))}"


@pytest.fixture
async def _no_task_is_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:  # what was cancelled may not have ended yet
        _, left = await asyncio.wait(left, timeout=_GRACE_S)
    assert not left, f"left running: {', '.join(sorted(str(task.get_coro()) for task in left))}"


def _children() -> frozenset[int]:
    """The processes that this one started and has not seen end."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread may end while it is read
            found.update(map(int, (thread / "children").read_text().split()))
    return frozenset(found)


def _name(pid: int) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return f"{Path(f'/proc/{pid}/comm').read_text().strip()} ({pid})"
    return str(pid)
