"""The rules for tests, tried on tests that break them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

BREAKERS = """
import asyncio, subprocess, sys
import pytest

def test_passes(): pass

def test_skips(): pytest.skip("no such program")

@pytest.mark.xfail(reason="one day")
def test_expects_to_fail(): assert False

def test_leaves_a_process():
    global kept
    kept = subprocess.Popen(["sleep", "60"])

def test_ends_its_process():
    kept.kill()
    kept.wait()

async def test_leaves_a_task():
    global task
    task = asyncio.ensure_future(asyncio.sleep(60))
"""


@pytest.mark.timeout(60)  # it waits for what does not end, twice
def test_what_skips_and_what_leaves_something_running_fails(tmp_path: Path) -> None:
    """A skip, an expected failure, a process and a task left behind: each fails, and says what it was."""
    (tmp_path / "test_breakers.py").write_text(BREAKERS)
    (tmp_path / "test_module.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    options = [
        "-p",
        "tests.strict",
        "-c",
        "/dev/null",
        "--asyncio-mode=auto",
        "--continue-on-collection-errors",
    ]

    ended = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-m", "pytest", *options, f"--rootdir={tmp_path}", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    said = ended.stdout
    assert "2 failed, 4 passed, 3 errors" in said, said
    assert "test_skips did not run, and every test must: Skipped: no such program" in said
    assert "test_expects_to_fail did not run, and every test must: one day" in said
    assert "test_module.py did not run, and every test must" in said
    assert "left running: sleep (" in said
    assert "left running: <coroutine object sleep" in said
