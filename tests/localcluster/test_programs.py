"""The programs: what their set is named after, when it counts as there, and what they call themselves."""

from __future__ import annotations

import fcntl
import platform
import re
import shutil
from pathlib import Path

import pytest

from kubepreview.errors import Failed, NotFound
from kubepreview.localcluster import programs, toolchain
from kubepreview.localcluster.progress import Progress


def test_a_set_is_named_after_all_that_goes_in(tmp_path: Path) -> None:
    """Another Go, another machine, or one other byte of our Go files: each gives another name."""
    source = tmp_path / "go"
    shutil.copytree(toolchain.SOURCE, source)
    first = programs.fingerprint(source, "1.26.8", "x86_64")

    assert programs.fingerprint(source, "1.26.8", "x86_64") == first
    assert programs.fingerprint(source, "1.27.3", "x86_64") != first
    assert programs.fingerprint(source, "1.26.8", "aarch64") != first
    main = source / "cmd" / "pause" / "main.go"
    main.write_text(main.read_text() + "\n")
    assert programs.fingerprint(source, "1.26.8", "x86_64") != first


def test_every_part_of_kubernetes_has_the_version_of_the_whole() -> None:
    """The replacements in go.mod follow the version of k8s.io/kubernetes."""
    go_mod = (toolchain.SOURCE / "go.mod").read_text()
    kubernetes = re.search(r"k8s\.io/kubernetes v1\.(\S+)", go_mod)
    parts = re.findall(r"^\s*k8s\.io/\S+ => k8s\.io/\S+ v0\.(\S+)$", go_mod, re.MULTILINE)

    assert kubernetes is not None
    assert len(parts) == 33
    assert set(parts) == {kubernetes[1]}


def test_programs_call_themselves_by_the_version_that_go_mod_pins() -> None:
    """The linker is told the pinned versions, not a copy of them."""
    go_mod = (toolchain.SOURCE / "go.mod").read_text()
    variables = programs.versions(go_mod.replace("k8s.io/kubernetes v1.37.2", "k8s.io/kubernetes v1.99.7"))

    assert variables["k8s.io/component-base/version.gitVersion"] == "v1.99.7"
    assert variables["k8s.io/component-base/version.gitMinor"] == "99"
    assert all(value for value in variables.values())


def test_an_unknown_program_is_named_with_the_known_ones() -> None:
    """Who asks for a program that is not built is told its name, and which there are."""
    with pytest.raises(NotFound, match=r"'dockerd'.*kube-apiserver"):
        programs.Programs(Path("/nowhere"), "0").path("dockerd")


async def test_a_build_of_another_process_is_waited_for_and_taken(tmp_path: Path) -> None:
    """Two builds never run at once; the second takes what the first has made."""
    home = await _home(tmp_path)
    steps: list[str] = []
    with (tmp_path / "programs" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def finish_the_other(progress: Progress) -> None:
            steps.append(progress.step)
            _write_programs(home)
            programs.mark_complete(home)
            fcntl.flock(lock, fcntl.LOCK_UN)

        found = await programs.ensure(tmp_path, finish_the_other)

    assert found.path("etcd") == home / "bin" / "etcd"
    assert steps == ["waiting for another build"]


def test_a_set_is_complete_when_its_manifest_is_there_and_true(tmp_path: Path) -> None:
    """A killed build leaves no manifest; a program that lost bytes, or went, contradicts it."""
    _write_programs(tmp_path)
    assert not programs.is_complete(tmp_path)
    programs.mark_complete(tmp_path)
    assert programs.is_complete(tmp_path)
    etcd = tmp_path / "bin" / "etcd"
    etcd.write_text("")
    assert not programs.is_complete(tmp_path)
    etcd.unlink()
    assert not programs.is_complete(tmp_path)
    with pytest.raises(Failed, match="left no etcd in"):
        programs.mark_complete(tmp_path)


async def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    """Not a traceback of the operating system's."""
    (tmp_path / "cache").write_text("a file")

    with pytest.raises(Failed, match=r"writing .*cache/programs/lock: Not a directory") as raised:
        await programs.ensure(tmp_path / "cache", lambda _progress: None)

    assert "XDG_CACHE_HOME" in raised.value.hint


def test_set_up_can_read_what_to_install() -> None:
    """The Debian packages cover compiling and running, in words that apt-get takes."""
    names = [name for stage in ("build", "run") for name in programs.DEBIAN_PACKAGES[stage]]

    assert {"gcc", "libseccomp-dev", "libseccomp2", "iptables"} <= set(names)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", name) for name in names)


async def _home(cache: Path) -> Path:
    go = await toolchain.find(cache)
    version = go.version if go else toolchain.wheel_version()
    home = cache / "programs" / programs.fingerprint(toolchain.SOURCE, version, platform.machine())
    home.mkdir(parents=True)
    return home


def _write_programs(home: Path) -> None:
    (home / "bin").mkdir()
    for name in programs.NAMES:
        (home / "bin" / name).write_text(name)
