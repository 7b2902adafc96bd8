"""`init` in real folders: what it finds, what it writes, and what it leaves alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kubepreview import __version__
from kubepreview.cli import config_file, init, own_commit
from kubepreview.core import workflow
from tests.commands import Ended, kubepreview

_EXAMPLE = Path(__file__).parents[2] / "examples" / "rapidrar"
_SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  ports: [{port: 80}]
"""
_WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      containers: [{name: shop, image: shop}]
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a Dockerfile and a folder of manifests, and its remote."""
    (tmp_path / "k8s").mkdir()
    (tmp_path / "k8s" / "service.yaml").write_text(_SERVICE)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    git = shutil.which("git")
    assert git, "this test needs git: apt-get install git"
    for words in (["init", "--quiet"], ["remote", "add", "origin", "git@github.com:acme/shop.git"]):
        subprocess.run([git, "-C", str(tmp_path), *words], check=True)  # noqa: S603 - words of our own
    return tmp_path


def _init(directory: Path, *argv: str) -> Ended:
    return kubepreview("init", *argv, environ={}, directory=directory)


def test_it_writes_a_file_that_the_other_commands_read(repository: Path) -> None:
    """From any folder of the repository, into its .github."""
    ended = _init(repository / "k8s")

    assert ended.code == 0, ended.err
    written = (repository / ".github/preview.yml").read_text()
    config = config_file.parse(written, "preview.yml")
    assert config.project == "shop"
    assert config.manifests.files == ("k8s",)
    assert "--repository acme/shop" in written


def test_a_file_that_is_there_is_left_alone(repository: Path) -> None:
    """Without --force: exit code 3, and not a byte changed."""
    target = repository / ".github/preview.yml"
    target.parent.mkdir()
    target.write_text("project: mine\n")

    refused = _init(repository)

    assert refused.code == 3
    assert "--force" in refused.err
    assert target.read_text() == "project: mine\n"
    assert _init(repository, "--force").code == 0
    assert "project: shop" in target.read_text()


def test_it_writes_the_workflow_that_uses_this_very_commit(repository: Path) -> None:
    """Or the one that is given; one that is there already stays."""
    target = repository / workflow.FILE
    first, there = _init(repository), target.read_text()
    kept = _init(repository, "--force", "--action-commit", "f" * 40)
    given = target.read_text()
    target.unlink()
    refused = _init(repository, "--force", "--action-commit", "main")

    assert first.code == 0, first.err
    assert f"uses: kubepreview/kubepreview@{own_commit.find()} # v{__version__}" in there
    assert kept.code == 0
    assert f"uses: kubepreview/kubepreview@{'f' * 40} " in given
    assert refused.code == 2
    assert not target.exists()


def test_images_go_where_it_is_said(repository: Path) -> None:
    """With a login of that registry's; what is no place is told."""
    (repository / "k8s/web.yaml").write_text(_WORKLOAD)
    ended = _init(repository, "--dry-run", "--registry", "r.example.com:5000/acme/shop")
    wrong = _init(repository, "--dry-run", "--registry", "https://r.example.com/shop:1")

    assert "tags: r.example.com:5000/acme/shop:pr-" in ended.out
    assert "registry: r.example.com:5000\n" in ended.out
    assert "secrets.REGISTRY_PASSWORD" in ended.out
    assert wrong.code == 2


def test_a_workflow_that_is_there_stays(repository: Path) -> None:
    """It may be somebody's own."""
    target = repository / workflow.FILE
    target.parent.mkdir(parents=True)
    target.write_text("mine\n")

    assert _init(repository).code == 0
    assert target.read_text() == "mine\n"


def test_a_dry_run_prints_and_writes_nothing(repository: Path) -> None:
    """The file on stdout, what was found on stderr."""
    ended = _init(repository, "--dry-run")

    assert ended.code == 0
    assert config_file.parse(ended.out.split("---\n")[0], "preview.yml").project == "shop"
    assert "Dockerfile" in ended.err
    assert not (repository / ".github").exists()


def test_a_folder_without_manifests_is_told_what_is_missing(tmp_path: Path) -> None:
    """Exit code 2: there is nothing to make a preview of."""
    ended = _init(tmp_path)

    assert ended.code == 2
    assert "kustomization.yaml" in ended.err
    assert "Deployment and a Service" in ended.err


def test_hidden_vendored_and_linked_folders_are_not_looked_into(tmp_path: Path) -> None:
    """What others wrote is not the repository's, and a link may lead anywhere."""
    for folder in (".cache/k8s", "node_modules/x", "vendor/y", "own"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "service.yaml").write_text(_SERVICE)
    (tmp_path / "link").symlink_to("/etc")

    found = init.look(tmp_path)

    assert [each.file for each in found.objects] == ["own/service.yaml"]


def test_templates_and_other_yaml_are_passed_over(tmp_path: Path) -> None:
    """Only what is a Kubernetes object as it stands counts as one."""
    (tmp_path / "template.yaml").write_text("kind: {{ .Values.kind }}\n")
    (tmp_path / "list.yaml").write_text("- 1\n- 2\n")
    (tmp_path / "settings.yaml").write_text("kind: Settings\n")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe")

    assert init.look(tmp_path).objects == ()


def test_it_understands_our_own_example(tmp_path: Path) -> None:
    """For RapidRAR, in a repository of its own, it comes to what its authors wrote by hand."""
    alone = shutil.copytree(_EXAMPLE, tmp_path / "rapidrar")
    text = _init(alone, "--dry-run").out
    by_hand = config_file.parse((_EXAMPLE / ".github/preview.yml").read_text(), "preview.yml")

    ours = config_file.parse(text.split("---\n")[0], "preview.yml")

    assert ours.project == by_hand.project
    assert ours.manifests == by_hand.manifests
    assert ours.images == by_hand.images
    assert ours.test == by_hand.test
