"""What holds for every test: the rules of `tests.strict`, a limit in time, and the versions in the header."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import platform
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from kubepreview.cli import places
from kubepreview.localcluster import toolchain
from tests.figures import PAGE, Figures

pytest_plugins = ["tests.strict"]

TESTS = Path(__file__).parent

# The longest that a test of a folder may take, in seconds; elsewhere the limit of pyproject.toml holds.
# A limit ends what hangs. It is no measurement: a busy machine does not come near it.
LIMITS_S = {"core": 5, "house": 5, "render": 30, "cli": 30, "cluster": 300}

# A busy machine is not a finding: how long an example takes is no property of the code.
settings.register_profile("kubepreview", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kubepreview")


def pytest_configure() -> None:
    """Hear SIGINT, even if the shell that started us in the background had it ignored.

    Tests interrupt commands, and a child inherits what its parent ignores.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """What the tests count; when nothing failed, it is compared with what is published, or written.

    A run of single tests counts less than their files would, and proves nothing of the page.
    """
    counted = Figures()
    yield counted
    options = request.config.option
    is_whole = not (options.keyword or options.lf or any("::" in each for each in request.config.args))
    if request.session.testsfailed or not is_whole:
        return
    if os.environ.get("KUBEPREVIEW_WRITE_FIGURES") == "1":  # noqa: TID251 — a switch of the tests
        PAGE.write_text(counted.page(dt.datetime.now(dt.UTC)))  # noqa: TID251 — an entry point
    assert counted.differences() == [], "run `make test-security`, and read what has changed"


def pytest_report_header() -> str:
    """Name the versions that decide what a failure means."""
    go = asyncio.run(toolchain.find(places.cache(os.environ)))  # noqa: TID251 - an entry point
    kubernetes = re.search(r"k8s\.io/kubernetes (v\S+)", (toolchain.SOURCE / "go.mod").read_text())
    versions = {
        "Python": platform.python_version(),
        "Linux": platform.release(),
        "Go": go.version if go else f"{toolchain.wheel_version()} (to be installed)",
        "Kubernetes": kubernetes[1] if kubernetes else "(none in go.mod)",
    }
    return "versions: " + ", ".join(f"{name} {version}" for name, version in versions.items())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the limit of its folder, unless it names one itself."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in LIMITS_S and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMITS_S[folder]))
