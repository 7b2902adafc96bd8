"""The progress of a build: what is counted, what is estimated, and how a person reads it."""

from __future__ import annotations

import pytest

from kubepreview.localcluster.progress import Account, Package, Progress, log_line, terminal_line

PACKAGES = (
    Package("fmt", "etcd", 100),
    Package("net", "etcd", 300),
    Package("k8s.io/api", "kubernetes", 600),
)


def test_only_packages_of_the_build_count_and_each_once() -> None:
    """The compiler says other things too, and may say a thing twice."""
    account = Account(PACKAGES)
    said = ("fmt", "go: downloading k8s.io/api v0.37.2", "fmt", "k8s.io/api")

    assert [account.begin(line) for line in said] == [True, False, False, True]
    assert account.progress(1).packages_done == 2
    assert account.progress(1).packages_total == 3


def test_time_left_follows_the_weight_that_is_left() -> None:
    """100 of 1000 in 10 s leave 90 s; nothing is foretold before something is done."""
    account = Account(PACKAGES)
    account.begin("fmt")
    assert account.progress(5).remaining_s is None
    account.begin("net")
    assert account.progress(10).remaining_s == pytest.approx(90)
    assert account.progress(10).program == "etcd"


def test_a_build_with_nothing_to_do_is_told_without_a_division_by_zero() -> None:
    """All is compiled already: no total, no estimate."""
    assert Account(()).progress(0) == Progress(step="compiling")


def test_lines_for_a_terminal_and_for_a_log() -> None:
    """Both carry the program, the count and the time; only the terminal has a bar."""
    progress = Progress(
        step="compiling",
        program="kubernetes",
        packages_done=1000,
        packages_total=4000,
        elapsed_s=61,
        remaining_s=183.4,
    )

    assert terminal_line(progress) == (
        "██████░░░░░░░░░░░░░░░░░░ 1000 of 4000 packages  compiling kubernetes  "
        "1 min 01 s, about 3 min 03 s left"
    )
    assert log_line(progress) == (
        "compiling kubernetes: 1000 of 4000 packages (1 min 01 s, about 3 min 03 s left)"
    )


def test_before_anything_is_counted_the_step_and_its_time_are_told() -> None:
    """Fetching has no total: no bar is made up for it."""
    progress = Progress(step="fetching", program="k8s.io/api", elapsed_s=3.2)

    assert terminal_line(progress) == "fetching k8s.io/api  3 s"
    assert log_line(progress) == "fetching k8s.io/api (3 s)"
