"""A pod begins when it cannot connect any more: seen twice in a row, and not later than it may take."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubepreview.core import isolation
from kubepreview.isolation import until_isolated
from tests.house.tree import ROOT


@pytest.fixture
def apiserver() -> Iterator[dict[str, str]]:
    """Somebody listens where a pod is told the apiserver is."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        yield {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}


def test_it_waits_until_two_tries_in_a_row_fail() -> None:
    """One that fails by chance proves nothing."""
    answers = iter([True, True, False, True, False, False])
    assert until_isolated.wait(lambda: next(answers), 60)
    assert list(answers) == []


def test_it_gives_up_where_nothing_holds_the_pod(
    apiserver: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And says so: the preview's page shows the last words of what failed."""
    assert until_isolated.main(apiserver, longest_s=0) == 1
    assert "the network policies do not hold this pod" in capsys.readouterr().err


def test_it_ends_where_nobody_answers(apiserver: dict[str, str]) -> None:
    """A refused connection is none."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = str(gone.getsockname()[1])
    assert until_isolated.main({**apiserver, "KUBERNETES_SERVICE_PORT": port}) == 0


_WITHOUT_PORTS = """
import pathlib, runpy, socket, subprocess, sys
pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("60999 60999")
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
listening = socket.create_server(("127.0.0.1", 443))
is_open = runpy.run_path(sys.argv[1])["is_open"]
print([is_open(("127.0.0.1", 443)) for _ in range(4)])
"""


def test_a_pod_without_a_port_to_connect_from_is_not_taken_for_held() -> None:
    """Its sysctls are its author's; its other containers may bind a port of their own."""
    command = ("unshare", "--net", sys.executable, "-c", _WITHOUT_PORTS, until_isolated.__file__)
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 — our own words

    assert done.stdout.strip() == "[True, True, True, True]"


def test_the_policy_names_the_program_where_the_image_has_it() -> None:
    """As the Dockerfile lays it out; and it needs nothing but Python's own library."""
    path = Path(until_isolated.__file__).relative_to(ROOT)
    tree = ast.parse((ROOT / path).read_text())
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    }
    imported |= {
        str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }

    assert isolation.COMMAND[-1] == f"/opt/kubepreview/source/{path}"
    assert "COPY ${PACKAGE} /opt/kubepreview/source/${PACKAGE}" in (ROOT / "deploy/Dockerfile").read_text()
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("name", "state", "is_over"),
    [
        (isolation.NAME, {"terminated": {"exitCode": 0}}, True),
        (isolation.NAME, {"terminated": {"exitCode": 1}}, False),
        (isolation.NAME, {"running": {}}, False),
        ("web", {"terminated": {"exitCode": 0}}, False),
    ],
)
def test_a_wait_that_ended_well_is_not_listed_among_logs(
    name: str, state: dict[str, object], *, is_over: bool
) -> None:
    """One that did not has said why."""
    assert isolation.is_over({"name": name, "state": state}) == is_over
