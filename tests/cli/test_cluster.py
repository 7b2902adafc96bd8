"""`cluster`, as far as it needs no cluster: where things are kept, and how progress is told."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from kubepreview.cli import places
from kubepreview.cli.building import Teller
from kubepreview.cli.here import is_loopback
from kubepreview.cli.image_build import Recipe, build_and_push
from kubepreview.cli.streams import Streams
from kubepreview.errors import InvalidInput
from kubepreview.localcluster.progress import Progress
from tests.commands import kubepreview


@pytest.mark.parametrize(
    ("environ", "cache", "state"),
    [
        ({"HOME": "/h"}, "/h/.cache/kubepreview", "/h/.local/state/kubepreview"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/c"}, "/c/kubepreview", "/h/.local/state/kubepreview"),
        ({"XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/c"}, "/c/kubepreview", "/s/kubepreview"),
        (
            {"HOME": "/h", "XDG_CACHE_HOME": "relative"},
            "/h/.cache/kubepreview",
            "/h/.local/state/kubepreview",
        ),
    ],
)
def test_places_follow_the_base_directories(environ: dict[str, str], cache: str, state: str) -> None:
    """XDG variables where they are absolute, the home directory otherwise."""
    assert (str(places.cache(environ)), str(places.state(environ))) == (cache, state)


def test_without_a_home_there_is_no_place() -> None:
    """Told as a mistake of the environment, before anything is written anywhere."""
    with pytest.raises(InvalidInput, match="neither XDG_STATE_HOME nor HOME"):
        places.state({})


def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    """Exit code 1 and how to make one; taking it down is free."""
    environ = {"HOME": str(tmp_path)}

    for command in ("status", "kubeconfig"):
        ended = kubepreview("cluster", command, "--name", "none", environ=environ)
        assert ended.code == 1
        assert "kubepreview cluster up --name none" in ended.err
    down = kubepreview("cluster", "down", "--name", "none", environ=environ)
    assert (down.code, down.err) == (0, "there was no cluster none\n")


@pytest.mark.parametrize(
    "argv",
    [("status", "--name", "No_Name"), ("build", "/nowhere", "--tag", "x"), ("up", "--ingress-port", "99999")],
)
def test_wrong_words_are_exit_code_2(argv: tuple[str, ...], tmp_path: Path) -> None:
    """Before anything is touched."""
    ended = kubepreview("cluster", *argv, environ={"HOME": str(tmp_path)})

    assert ended.code == 2
    assert not list(tmp_path.iterdir())


def test_a_dockerfile_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its path, as a mistake of the caller."""
    recipe = Recipe(folder=tmp_path, dockerfile=tmp_path / "Dockerfile", tag="x", arguments={})

    with pytest.raises(InvalidInput, match="Dockerfile: cannot be read"):
        build_and_push(recipe, "localhost:1", tmp_path)


def _compiling(done: int) -> Progress:
    return Progress(step="compiling", program="etcd", packages_done=done, packages_total=100, elapsed_s=done)


def test_a_log_hears_of_each_tenth() -> None:
    """A thousand packages are not a thousand lines."""
    err = io.StringIO()
    teller = Teller(Streams(out=io.StringIO(), err=err))

    for done in range(101):
        teller(_compiling(done))
    teller(Progress(step="kubelet", elapsed_s=3))
    teller.close()

    lines = err.getvalue().splitlines()
    assert len(lines) == 12
    assert lines[5].startswith("compiling etcd: 50 of 100 packages")
    assert lines[-1] == "kubelet (3 s)"


def test_a_terminal_shows_one_line_a_step() -> None:
    """A line is drawn over while its step lasts, and left when the next begins."""
    err = io.StringIO()
    teller = Teller(Streams(out=io.StringIO(), err=err, is_live=True, width=100))

    for done in (10, 50):
        teller(_compiling(done))
    teller(Progress(step="etcd", elapsed_s=1))
    teller.close()

    left = [line.rpartition("\r\x1b[K")[2] for line in err.getvalue().split("\n")]
    assert left.pop() == ""
    assert len(left) == 2
    assert "50 of 100 packages" in left[0]
    assert left[1].startswith("etcd")


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("https://127.0.0.1:6443", True),
        ("https://[::1]:6443", True),
        ("https://localhost:6443", True),
        ("https://10.0.0.1:6443", False),
        ("https://k8s.example.com", False),
    ],
)
def test_this_machine_is_told_from_others(server: str, expected: bool) -> None:  # noqa: FBT001 - a column
    """By the address, without asking anybody."""
    assert is_loopback(server) is expected
